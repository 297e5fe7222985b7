"""Moves the alias ``champion``: a version is served, or the one before it again. Each move is in the audit log."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from workbench.registry.artefact import checked_folder
from workbench.registry.decisions import note
from workbench.registry.errors import RegistryError, UnknownVersionError
from workbench.registry.opening import find_model, open_store, read_models, writing
from workbench.registry.settings import RegistrySettings
from workbench.registry.version import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.registry.store import Store
    from workbench.registry.version import ModelVersion, RegisteredModel

__all__ = ["PREVIOUS", "Move", "promote", "rollback"]

PREVIOUS: Final = "previous"
"""The alias of the version that was champion before: what a rollback goes back to."""


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
        return _Decision(settings, known, move, why, figures or {}).carry_out(reach, _after_promotion)


def rollback(
    model: str, why: str, *, reach: Callable[[Move], None] = lambda _: None, settings: RegistrySettings | None = None
) -> Move:
    """Makes the champion before this one champion again, once: what was before that takes a promotion.

    Args:
        model: the registered model.
        why: for the audit log, in a few words.
        reach: as for `promote`.
        settings: of the registry, by default the environment's.

    Raises:
        UnknownVersionError: no such model, or no version is known to have been its champion before.
        RegistryError: as `promote`.
    """
    settings = settings or RegistrySettings()
    with writing(settings):
        known = find_model(read_models(settings), model)
        before = known.alias(PREVIOUS)
        if before is None:
            raise UnknownVersionError(
                f"model {model}: no version is known to have been champion before: promote one by its number"
            )
        move = Move(known.alias(CHAMPION), before)
        return _Decision(settings, known, move, f"rolled back: {why}", {}).carry_out(reach, _after_rollback)


@dataclass(frozen=True)
class _Decision:
    settings: RegistrySettings
    known: RegisteredModel
    move: Move
    why: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def carry_out(self, reach: Callable[[Move], None], tidy: Callable[[Store, RegisteredModel, Move], None]) -> Move:
        """Level, alias and audit log together, or none of them."""
        move, model = self.move, self.known.name
        checked_folder(move.after, "train it again", "REGISTRY_ARTEFACTS")
        self._note(f"{move}: {self.why}", self.figures or _known(move))
        try:
            reach(move)
            store = open_store(self.settings)
            store.point(model, CHAMPION, move.after.number)
        except BaseException as error:
            if move.before:
                with suppress(RegistryError):
                    reach(Move(move.after, move.before))
            self._note(f"champion stays as it was: {str(error) or type(error).__name__}", {})
            raise
        tidy(store, self.known, move)
        return move

    def _note(self, decision: str, figures: Mapping[str, Any]) -> None:
        note(self.settings, self.known.name, str(self.move.after.number), decision, figures)


def _known(move: Move) -> dict[str, Any]:
    """The figures of both versions' cards, and the newer one's gate."""
    before, after = move
    return {"from": before.metrics if before else None, "to": after.metrics, "gate": after.gate}


def _after_promotion(store: Store, known: RegisteredModel, move: Move) -> None:
    if known.aliases.get(CHALLENGER) == move.after.number:
        store.unpoint(known.name, CHALLENGER)
    if move.before and move.before.number != move.after.number:
        store.point(known.name, PREVIOUS, move.before.number)


def _after_rollback(store: Store, known: RegisteredModel, _: Move) -> None:
    store.unpoint(known.name, PREVIOUS)
