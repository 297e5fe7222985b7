"""What the versions of a model are judged by: in each period the same held-out rows for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from shop.models.marks import Marks

__all__ = ["Exam", "Teacher"]


@dataclass(frozen=True)
class Teacher:
    """What a student was distilled from.

    Attributes:
        name: what the table calls it.
        run: the scores (n,) of rows (n, width), on one thread.
        size: of the model as a file, in bytes.
    """

    name: str
    run: Callable[[NDArray[np.float32]], NDArray[np.floating]]
    size: int


@dataclass(frozen=True)
class Exam:
    """One model's, in one period.

    Attributes:
        model: its name.
        batch: rows of a typical request; what must be faster.
        calibration: (n, width) rows that the model was trained on; none in the period for choosing.
        held_out: (n, width) rows that it was not.
        measures: what the quality is told in.
        mark: gives the marks of the outputs for the held-out rows (a teacher's scores are one).
        teacher: None where the model had none.
    """

    model: str
    batch: int
    calibration: NDArray[np.float32]
    held_out: NDArray[np.float32]
    measures: tuple[str, ...]
    mark: Callable[[Sequence[NDArray[Any]]], Marks]
    teacher: Teacher | None = None

    def take(self, answer: Callable[[NDArray[np.float32]], Sequence[NDArray[Any]]], chunk: int = 1024) -> Marks:
        """The marks of whoever answers, asked in chunks."""
        answers = [answer(self.held_out[start : start + chunk]) for start in range(0, len(self.held_out), chunk)]
        return self.mark([np.concatenate(parts) for parts in zip(*answers, strict=True)])

    def rows(self, batch: int) -> NDArray[np.float32]:
        """A batch of held-out rows, the first ones; they repeat where there are too few."""
        return np.ascontiguousarray(np.resize(self.held_out, (batch, self.held_out.shape[1])))
