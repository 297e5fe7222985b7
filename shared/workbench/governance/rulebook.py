"""The organisation's own part of the rules: ``infra/pipelines/policy.toml``."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec

from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Ages", "LevelRules", "LicenceRules", "Rulebook", "RulebookError", "read_rulebook"]

_FILE = ROOT / "infra" / "pipelines" / "policy.toml"
_Days = Annotated[int, msgspec.Meta(ge=1)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class RulebookError(ValueError):
    """``policy.toml`` cannot be read as rules; the message says where and why."""


class Ages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How old a piece of evidence may be, in days."""

    sla: _Days
    drift: _Days
    gate: _Days

    def of(self, what: str) -> timedelta:
        """The age that one of them may have."""
        days: int = getattr(self, what)
        return timedelta(days=days)


class LicenceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Licences that nothing may have, each with the reason; and parts that may have one all the same, likewise."""

    denied: dict[str, _Text]
    allowed: dict[str, _Text]


class LevelRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is particular to a level.

    Attributes:
        models: that it serves, by their names in the registry.
        keys: the variable whose prefix says which keys sign its models, as trainings use it.
        without: rules that do not apply to the level, each with the reason.
    """

    models: list[_Text]
    keys: _Text
    without: dict[str, _Text] = {}


class Rulebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules.

    Attributes:
        clean_commit: whether the champion must come from a checkout without changes.
        owners: who may own a model, and how they are reached.
        ages: how old evidence may be.
        licences: which are denied.
        levels: by number.
    """

    clean_commit: bool
    owners: dict[str, _Text]
    ages: Ages
    licences: LicenceRules
    levels: dict[str, LevelRules]


def read_rulebook(file: Path = _FILE) -> Rulebook:
    """The rules.

    Raises:
        RulebookError: the file is missing, or something in it is.
    """
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Rulebook)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RulebookError(f"{file}: {error}: infra/pipelines/README.md says what is in it") from None
