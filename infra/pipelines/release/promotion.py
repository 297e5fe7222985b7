"""The registry's part of a release: the challenger is entered, and becomes the champion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from release.step import StepError, Verdict
from workbench.registry import CHALLENGER, CHAMPION, RegistryError, RegistrySettings, note, read_models
from workbench.registry import promote as move
from workbench.registry import register as enter

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.flow import Outcome
    from release.step import Place
    from servekit.artefact_folder import ArtefactFolder
    from workbench.registry import ModelVersion, Move

__all__ = ["champion_of", "note_end", "promote", "register"]


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


def register(place: Place, artefact: ArtefactFolder) -> Verdict:
    """Enters an artefact as challenger, with the gate's report; the same bytes are the same version."""
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
