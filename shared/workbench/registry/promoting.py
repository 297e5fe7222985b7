"""Moves the alias ``champion``: a version is served, or the one before it again. Each move is in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.registry.artefact import checked_folder
from workbench.registry.decisions import note
from workbench.registry.errors import RegistryError
from workbench.registry.opening import find_model, open_store, read_models, writing
from workbench.registry.settings import RegistrySettings
from workbench.registry.version import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.registry.version import ModelVersion

__all__ = ["Move", "promote"]


class Move(NamedTuple):
    """A move of the alias: from which version (None: there was none) to which."""

    before: ModelVersion | None
    after: ModelVersion

    def __str__(self) -> str:
        before = f"version {self.before.number}" if self.before else "no version"
        return f"champion from {before} to version {self.after.number}"


def promote(  # noqa: PLR0913 - a decision has that many parts
    model: str,
    number: int,
    why: str,
    figures: Mapping[str, Any] | None = None,
    *,
    reach: Callable[[Move], None] = lambda _: None,
    settings: RegistrySettings | None = None,
) -> Move:
    """Makes a version the champion, on the running level first and then in the registry.

    One command of this machine moves an alias at a time; a second waits, and sees what the first did. The audit log is
    written first: a promotion that nobody can account for does not take place.

    Args:
        model: the registered model.
        number: the version.
        why: for the audit log, in a few words.
        figures: what the decision rests on, likewise.
        reach: brings the version to the level, where one runs; what it raises leaves the champion as it was.
        settings: of the registry, by default the environment's.

    Raises:
        UnknownVersionError: no such model or version.
        RegistryError: its artefact is not whole, or the registry or the audit log does not answer.
    """
    settings = settings or RegistrySettings()
    with writing(settings):
        known = find_model(read_models(settings), model)
        move = Move(known.alias(CHAMPION), known.version(number))
        checked_folder(move.after, "train it again", "REGISTRY_ARTEFACTS")
        note(settings, model, str(number), f"{move}: {why}", figures or {})
        reach(move)
        try:
            store = open_store(settings)
            store.point(model, CHAMPION, number)
            if known.aliases.get(CHALLENGER) == number:
                store.unpoint(model, CHALLENGER)
        except RegistryError as error:
            note(settings, model, str(number), f"champion stays as it was: {error}", {})
            if move.before:
                reach(Move(move.after, move.before))
            raise
    return move
