"""Which part of the record serves which purpose. Nobody looks at the test period until all is decided."""

from __future__ import annotations

from dataclasses import dataclass

from shop.world.people import DAY

__all__ = ["Periods"]


@dataclass(frozen=True)
class Periods:
    """Moments in seconds, each at midnight.

    Attributes:
        history: until then, what the features of the training rows are made of.
        train: from ``history`` until then, the training rows; the feature store holds the state as of this moment.
        validate: from ``train`` until then, what hyperparameters are chosen on.
        end: from ``validate`` until then, what the reported figures are measured on.
    """

    history: int
    train: int
    validate: int
    end: int

    @classmethod
    def of(cls, end: int) -> Periods:
        """Splits the record: 60 % history, 20 % training, 5 % validation, 15 % test."""
        days = end // DAY
        return cls(round(days * 0.6) * DAY, round(days * 0.8) * DAY, round(days * 0.85) * DAY, end)
