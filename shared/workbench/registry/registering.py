"""Registers artefacts: each is checked, copied to where no training overwrites it, and entered with its lineage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servekit.artefact_folder import ArtefactError
from workbench.registry.artefact import checked_card, digest, keep
from workbench.registry.errors import RegistryError
from workbench.registry.lineage import lineage, of_card
from workbench.registry.opening import open_store, read_models, writing
from workbench.registry.settings import RegistrySettings
from workbench.registry.version import CHALLENGER, CHAMPION, RegisteredModel, folder_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from servekit.artefact_folder import ArtefactFolder

__all__ = ["Trained", "record", "register"]


@dataclass(frozen=True)
class Trained:
    """An artefact that is whole on disk, to be registered.

    Args:
        artefact: its folder; ``train`` names the command that made it.
        parameters: that it was trained with.
        gate: the report of the gate that it passed, where the card has none.
    """

    artefact: ArtefactFolder
    parameters: Mapping[str, Any] = field(default_factory=dict)
    gate: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Entry:
    model: str
    folder: Path
    tags: dict[str, str]
    trained: Trained

    def number_in(self, models: Mapping[str, RegisteredModel]) -> int | None:
        """The version that these very bytes are registered as."""
        known = models[self.model].versions.values() if self.model in models else ()
        same = [each.number for each in known if each.artefact_sha256 == self.tags["artefact_sha256"]]
        return same[-1] if same else None


def record(
    trained: Sequence[Trained], say: Callable[[str], None], settings: RegistrySettings | None = None
) -> list[int] | None:
    """Registers what a training left; a registry that does not answer costs a line, never the training.

    Returns:
        The versions' numbers; None where they could not be registered.
    """
    try:
        return register(trained, say, settings)
    except RegistryError as error:
        say(f"registry       {error}")
        again = " ".join(dict.fromkeys(each.artefact.train for each in trained))
        say(f"registry       nothing was registered; the artefacts are whole: when it answers, {again} again")
        return None


def register(
    trained: Sequence[Trained], say: Callable[[str], None] = lambda _: None, settings: RegistrySettings | None = None
) -> list[int]:
    """Registers artefacts and returns their versions' numbers; the same bytes are the same version.

    The first version of a model becomes its champion, for something has to be served. Each later one becomes the
    challenger and stays that until it is promoted.

    Raises:
        RegistryError: an artefact is not whole, the registry does not answer, or the disk is full. Nothing is
            registered half: a version is entered last, when its copy is complete.
    """
    settings = settings or RegistrySettings()
    entries = [_entry(each, settings) for each in trained]
    with writing(settings):
        models = read_models(settings)
        known = [entry.number_in(models) for entry in entries]
        for entry in entries:
            keep(entry.trained.artefact, entry.tags["artefact_sha256"], entry.folder)
        if None not in known:
            for entry, number in zip(entries, known, strict=True):
                say(f"registry       {entry.model} {number}: these very bytes, registered before")
            return [number for number in known if number is not None]
        store, here = open_store(settings, say), lineage()
        numbers = []
        for entry in entries:
            number = entry.number_in(models)
            if number is None:
                number = store.add(entry.model, folder_source(entry.folder), entry.tags | here)
                alias = CHALLENGER if entry.model in models and CHAMPION in models[entry.model].aliases else CHAMPION
                store.point(entry.model, alias, number)
                say(f"registry       {entry.model} {number}: {alias}")
                models = store.models()
            numbers.append(number)
        return numbers


def _entry(trained: Trained, settings: RegistrySettings) -> _Entry:
    artefact = trained.artefact
    try:
        card, sha256 = checked_card(artefact), digest(artefact.path)
    except (ArtefactError, OSError) as error:
        raise RegistryError(f"artefact {artefact.path}: {error}") from None
    model = str(card["name"])
    tags = {
        **of_card(card),
        "artefact_sha256": sha256,
        "parameters": json.dumps(dict(trained.parameters)),
        "trained_by": artefact.train,
        **({"gate": json.dumps(dict(trained.gate))} if trained.gate is not None else {}),
    }
    return _Entry(model, settings.artefacts / model / f"sha256-{sha256[:16]}", tags, trained)
