"""Registers artefacts: each is checked, copied to where no training overwrites it, and entered with its lineage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servekit.artefact_folder import ArtefactError
from workbench.registry.artefact import checked_card, digest, keep
from workbench.registry.errors import RegistryError
from workbench.registry.lineage import CHANGED, lineage, of_card
from workbench.registry.opening import open_store, read_models, writing
from workbench.registry.settings import RegistrySettings
from workbench.registry.version import CHALLENGER, CHAMPION, folder_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from servekit.artefact_folder import ArtefactFolder
    from workbench.registry.store import Store
    from workbench.registry.version import ModelVersion, RegisteredModel

__all__ = ["record", "register"]


@dataclass(frozen=True, eq=False)
class _Entry:
    """An artefact that is whole, and what the registry is to know of it."""

    model: str
    folder: Path
    tags: dict[str, str]
    artefact: ArtefactFolder

    def number_in(self, models: Mapping[str, RegisteredModel]) -> int | None:
        """The version that these very bytes are registered as."""
        known = models[self.model].versions.values() if self.model in models else ()
        same = [each.number for each in known if each.artefact_sha256 == self.tags["artefact_sha256"]]
        return same[-1] if same else None


def record(
    artefacts: Sequence[ArtefactFolder], say: Callable[[str], None], settings: RegistrySettings | None = None
) -> list[int] | None:
    """Registers what a training left; a registry that does not answer costs two lines, never the training.

    Returns:
        The versions' numbers; None where they could not be registered.
    """
    settings = settings or RegistrySettings()
    if settings.off or not artefacts:
        return None
    try:
        return register(artefacts, say, settings)
    except RegistryError as error:
        say(f"registry       {error}")
        say("registry       nothing was registered; the artefacts are whole: make register-N when it answers")
        return None


def register(
    artefacts: Sequence[ArtefactFolder],
    say: Callable[[str], None] = lambda _: None,
    settings: RegistrySettings | None = None,
    tags: Mapping[str, str] | None = None,
    alias: str | None = None,
) -> list[int]:
    """Registers artefacts that are whole on disk, and returns their versions' numbers; the same bytes are the same one.

    Bytes that were registered from a checkout with changes, and come out of a clean one again, get that one's lineage.
    The first version of a model becomes its champion, for something has to be served. Each later one becomes the
    challenger and stays that until it is promoted.

    Args:
        artefacts: their folders; ``train`` names the command that made each.
        say: is given a line for each version.
        settings: the registry, by default the environment's.
        tags: that new versions get besides those of `workbench.registry.lineage`, e.g. the ``gate`` of a release.
        alias: that each of them gets, whatever it was before.

    Raises:
        RegistryError: an artefact is not whole, the registry does not answer, or the disk is full. Nothing is
            registered half: a version is entered last, when its copy is complete.
    """
    settings = settings or RegistrySettings()
    entries = [_entry(each, settings, tags or {}) for each in artefacts]
    with writing(settings):
        models = read_models(settings)
        for entry in entries:
            keep(entry.artefact, entry.tags["artefact_sha256"], entry.folder)
        known = {entry: number for entry in entries if (number := entry.number_in(models))}
        pointed = alias is None or all(models[each.model].aliases.get(alias) == known[each] for each in known)
        here = lineage()
        renewed = [each for each, number in known.items() if _proves(here, models[each.model].version(number))]
        if len(known) == len(entries) and pointed and not renewed:
            say(f"registry       {_told(known)}: these very bytes, registered before")
            return list(known.values())
        store = open_store(settings, say)
        _renew(store, {each: known[each] for each in renewed}, here, say)
        return [_enter(store, entry, known.get(entry), here, alias, say) for entry in entries]


def _told(versions: Mapping[_Entry, int]) -> str:
    return ", ".join(f"{entry.model} {number}" for entry, number in versions.items())


def _renew(store: Store, versions: Mapping[_Entry, int], here: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Gives versions the lineage of this checkout."""
    for entry, number in versions.items():
        store.tag(entry.model, number, here)
        say(f"registry       {entry.model} {number}: these very bytes, now of commit {here['git_commit'][:12]}")


def _proves(here: Mapping[str, str], version: ModelVersion) -> bool:
    """Whether this checkout says better than the version's lineage where such bytes come from."""
    clean = not here["git_commit"].endswith(CHANGED) and here["git_commit"] != "unknown"
    return clean and version.tags.get("git_commit", "").endswith(CHANGED)


def _enter(  # noqa: PLR0913, PLR0917 - what an entry is made of
    store: Store,
    entry: _Entry,
    known: int | None,
    here: Mapping[str, str],
    alias: str | None,
    say: Callable[[str], None],
) -> int:
    """The number of a version: entered if it is not known, and pointed to if it is new or an alias is given."""
    number = known or store.add(entry.model, folder_source(entry.folder), {**here, **entry.tags})
    if known is None and alias is None:
        alias = CHALLENGER if CHAMPION in store.models()[entry.model].aliases else CHAMPION
    if alias is not None:
        store.point(entry.model, alias, number)
        say(f"registry       {entry.model} {number}: {alias}")
    return number


def _entry(artefact: ArtefactFolder, settings: RegistrySettings, more: Mapping[str, str]) -> _Entry:
    try:
        card, sha256 = checked_card(artefact), digest(artefact.path)
    except (ArtefactError, OSError) as error:
        raise RegistryError(f"artefact {artefact.path}: {error}") from None
    model = str(card["name"])
    tags = {**of_card(card), "artefact_sha256": sha256, "trained_by": artefact.train, **more}
    return _Entry(model, settings.artefacts / model / f"sha256-{sha256[:16]}", tags, artefact)
