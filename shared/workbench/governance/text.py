"""The part of a model card that people write: ``model_card.toml`` beside the training code of each model."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated

import msgspec

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CardError", "Data", "Measure", "ModelText", "texts_of"]

_NAME = "model_card.toml"
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class CardError(ValueError):
    """A model card is incomplete; the message has a line for each part that is missing, and the remedy."""


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model learned from: what it is, where it comes from, and under which licence."""

    description: _Text
    source: _Text
    licence: _Text


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of the training report that the card shows.

    Attributes:
        name: in the report.
        means: what it is, in words.
        baseline: where the report has the same figure of the baseline, e.g. ``popularity.ndcg_at_10``.
    """

    name: _Text
    means: _Text
    baseline: _Text


class ModelText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What only people can say of a model.

    Attributes:
        model: its name in the registry.
        owner: who answers for it, by the name in ``policy.toml``.
        intended_use: what it is for.
        out_of_scope: what it must not be used for.
        limits: where it is known to be weak.
        ethics: whom it may harm, and what is done about that.
        baseline: what its figures are held against.
        data: what it learned from.
        measures: the figures that count.
    """

    model: _Text
    owner: _Text
    intended_use: _Text
    out_of_scope: _Text
    limits: _Text
    ethics: _Text
    baseline: _Text
    data: Data
    measures: Annotated[list[Measure], msgspec.Meta(min_length=1)]


def texts_of(level: int, root: Path = ROOT) -> dict[str, ModelText | CardError]:
    """What is written of a level's models, by model, or by path where a text is incomplete: then why."""
    found: dict[str, ModelText | CardError] = {}
    for path in sorted(root.glob(f"{level:02}-*/**/{_NAME}")):
        try:
            text = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), ModelText)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            where = str(path.relative_to(root))
            found[where] = CardError(f"{where}: {error}: people write this part")
        else:
            found[text.model] = text
    return found
