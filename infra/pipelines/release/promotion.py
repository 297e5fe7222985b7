"""The registry's part of a release: the challenger is entered, and becomes the champion."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Self

import msgspec

from release.step import StepError, Verdict
from workbench.registry import CHALLENGER, CHAMPION, RegistryError, RegistrySettings, note, read_models
from workbench.registry import promote as move
from workbench.registry import register as enter
from workbench.registry.artefact import checked_card
from workbench.registry.lineage import lineage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release.flow import Outcome
    from release.step import Place
    from servekit.artefact_folder import ArtefactFolder
    from workbench.registry import ModelVersion, Move

__all__ = ["Release", "champion_of", "note_end", "package", "promote", "register"]


_ARTEFACT = "artefact"


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What every level's release depends on.

    Attributes:
        model: the registered model.
        commit: the checkout, and whether files differ from it.
        lock_sha256: the digest of the pinned environment.
        champion: the folder of the version that is served; empty where there is none yet.
        champion_version: its number in the registry; 0 where there is none.
    """

    model: str
    commit: str
    lock_sha256: str
    champion: str = ""
    champion_version: int = 0

    @classmethod
    def now(cls, model: str, **more: Any) -> Self:
        """A release of this checkout against today's champion; ``more`` is what the level adds.

        Raises:
            StepError: the registry does not answer.
        """
        champion, here = champion_of(model), lineage()
        return cls(
            model=model,
            commit=here["git_commit"],
            lock_sha256=here["lock_sha256"],
            champion=str(champion.folder) if champion else "",
            champion_version=champion.number if champion else 0,
            **more,
        )

    @property
    def against(self) -> str:
        """The champion in words."""
        return f"champion {self.champion_version or 'none yet'}"

    @property
    def nothing_new(self) -> str:
        """Why a release of the champion's own graph ends."""
        return f"this very graph is the champion, {self.model} {self.champion_version}, already"


def champion_of(model: str) -> ModelVersion | None:
    """The version that is served; None where none is registered.

    Raises:
        StepError: the registry does not answer.
    """
    try:
        models = read_models(RegistrySettings())
        return models[model].alias(CHAMPION) if model in models else None
    except RegistryError as error:
        raise StepError(str(error)) from None


def package(files: Callable[[Path], ArtefactFolder], place: Place, source: Path) -> Verdict:
    """The artefact in `source`, whole and vouched for, in the step's own folder; nothing else is served.

    Args:
        files: the level's way to read an artefact's folder.
        place: of the step.
        source: what an earlier step left.
    """
    shutil.copytree(source, place.own / _ARTEFACT)
    card = checked_card(files(place.own / _ARTEFACT))
    return Verdict("passed", "whole: its files are those that model.json vouches for", {"created": card["created"]})


def register(files: Callable[[Path], ArtefactFolder], place: Place) -> Verdict:
    """Enters what was packaged as challenger, with the gate's report; the same bytes are the same version."""
    artefact = files(place.of("package") / _ARTEFACT)
    gate = {"gate": json.dumps(dict(place.figures["gate"]))}
    try:
        (number,) = enter([artefact], place.say, tags=gate, alias=CHALLENGER)
        model = str(place.parameters.model)
        version = read_models(RegistrySettings())[model].version(number)
    except RegistryError as error:
        raise StepError(str(error)) from None
    figures = {"version": number, "folder": str(version.folder)}
    return Verdict("passed", f"{version.title} is the challenger", figures)


def promote(place: Place, reach: Callable[[Move], None] = lambda _: None) -> Verdict:
    """Makes the challenger the champion, unless another release did that to its own meanwhile.

    Args:
        place: of the step.
        reach: brings the version to the running level, as `workbench.registry.promote` says.

    Raises:
        StepError: another version became champion meanwhile, or the registry or the level does not follow.
    """
    model, number = str(place.parameters.model), int(place.figures["register"]["version"])
    champion = champion_of(model)
    expected = place.parameters.champion_version
    told = Verdict("passed", f"{model} {number} is the champion", {"version": number})
    if champion and champion.number == number:  # level 3's canary has promoted it, or a run that was killed then
        return told
    if champion and champion.number != expected:
        raise StepError(
            f"champion of {model}: version {champion.number}, expected {expected or 'none'}, which this release was "
            "held against: release again"
        )
    try:
        move(
            model,
            number,
            "released: " + place.figures["canary"]["summary"],
            {"canary": place.figures["canary"]},
            reach=reach,
        )
    except RegistryError as error:
        raise StepError(str(error)) from None
    return told


def note_end(parameters: Any, outcome: Outcome) -> None:
    """Writes into the audit log how a release ended that did not promote.

    Raises:
        StepError: the log cannot be written.
    """
    if outcome.ending not in {"refused", "rolled back"}:
        return
    last = list(outcome.entries.values())[-1]
    version = (
        outcome.entries["register"].verdict.figures["version"] if "register" in outcome.entries else "unregistered"
    )
    try:
        note(
            RegistrySettings(),
            parameters.model,
            str(version),
            f"{outcome.ending} by {last.step}: {last.verdict.summary}",
            last.verdict.figures,
        )
    except RegistryError as error:
        raise StepError(str(error)) from None
