"""What a level serves: a registered model, as ``models:/iris@champion`` or ``models:/iris/2``, or a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from servekit.artefact_folder import ArtefactError, ArtefactFolder
from workbench.registry.artefact import checked_card, checked_folder, digest, put
from workbench.registry.errors import RegistryError, UnknownVersionError
from workbench.registry.opening import find_model, read_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.registry.settings import RegistrySettings
    from workbench.registry.version import ModelVersion

__all__ = ["Place", "find_version", "holds", "put_in_place", "resolve", "wanted"]

_SCHEME = "models:/"
_REFERENCE = re.compile(rf"{_SCHEME}(?P<model>[\w.-]+)(?:@(?P<alias>[\w-]+)|/(?P<number>[1-9][0-9]{{0,8}}))")


@dataclass(frozen=True)
class Place:
    """Where a level's model lies.

    Args:
        trained: what training writes; served where nothing is registered.
        served: the folder that is served, where references are resolved to; nothing else writes into it.
        setting: the variable with the reference, for messages.
    """

    trained: ArtefactFolder
    served: Path
    setting: str


def find_version(reference: str, settings: RegistrySettings) -> ModelVersion:
    """The registered version that a reference names.

    Raises:
        UnknownVersionError: the registry has no such model, version or alias.
        RegistryError: it is no reference, or the registry does not answer.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise RegistryError(f"model {reference}: expected models:/NAME@ALIAS, models:/NAME/VERSION, or a folder")
    model = find_model(read_models(settings), match["model"])
    if match["number"]:
        return model.version(int(match["number"]))
    version = model.alias(match["alias"])
    if version is None:
        known = ", ".join(model.aliases) or "none"
        raise UnknownVersionError(
            f"alias {match['alias']} of {model.name}: expected one of its aliases: {known}; "
            f"`make promote-N MODEL={model.name} VERSION=…` makes a version the champion"
        )
    return version


def resolve(reference: str, place: Place, settings: RegistrySettings, say: Callable[[str], None]) -> Path:
    """The folder to serve, whose bytes are those that were registered; `say` is told which version it is.

    A registry that does not answer keeps no level from starting: then the artefact that was resolved last is served.
    A folder is served as it is, and so is what was trained last where no version of the model is registered at all.

    Raises:
        RegistryError: the reference is none, names what the registry does not know, or its artefact holds other bytes
            than were registered.
    """
    if not reference.startswith(_SCHEME):
        return Path(reference)
    if settings.off:
        return place.trained.path
    try:
        version = find_version(reference, settings)
    except UnknownVersionError as error:
        match = _REFERENCE.fullmatch(reference)
        if match and match["model"] not in read_models(settings):
            say(f"{reference}: nothing is registered: serves {place.trained.path}, as it was trained")
            return place.trained.path
        raise RegistryError(f"{place.setting}: {error}") from None
    except RegistryError as error:
        if _REFERENCE.fullmatch(reference) is None:
            raise RegistryError(f"{place.setting}: {error}") from None
        return _last(reference, place, error, say)
    put_in_place(version, place)
    say(f"{reference}: {_told(version)}")
    return place.served


def wanted(reference: str, place: Place, settings: RegistrySettings, say: Callable[[str], None]) -> ModelVersion | None:
    """The version that a level that is up should serve by now; None where it goes on with what it has.

    Raises:
        RegistryError: the reference is none, or names what the registry does not know.
    """
    if settings.off or not reference.startswith(_SCHEME):
        return None
    try:
        version = find_version(reference, settings)
    except UnknownVersionError as error:
        raise RegistryError(f"{place.setting}: {error}") from None
    except RegistryError as error:
        if _REFERENCE.fullmatch(reference) is None:
            raise RegistryError(f"{place.setting}: {error}") from None
        say(f"{reference}: {error}")
        return None
    say(f"{reference}: {_told(version)}")
    return version


def _told(version: ModelVersion) -> str:
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    return f"{version.title}{aliases}, sha256 {version.sha256[:12]}…"


def holds(place: Place, version: ModelVersion) -> bool:
    """Whether the served folder is a whole copy of that version's artefact."""
    try:
        checked_card(ArtefactFolder(place.served, place.trained.train, place.trained.setting, name=version.model))
        return digest(place.served) == version.artefact_sha256
    except (ArtefactError, OSError):
        return False  # it holds nothing yet, or nothing whole


def put_in_place(version: ModelVersion, place: Place) -> None:
    """Has the served folder hold that version, if it does not yet.

    Raises:
        RegistryError: the version's artefact is gone or holds other bytes than were registered, or the disk is full.
    """
    if holds(place, version):
        return
    folder = checked_folder(version, place.trained.train, place.trained.setting)
    try:
        put(folder, place.served)
    except OSError as error:
        raise RegistryError(f"artefact {place.served}: {error.strerror or error}: free some space") from None


def _last(reference: str, place: Place, error: RegistryError, say: Callable[[str], None]) -> Path:
    last = place.served if place.served.exists() else place.trained.path
    what = "resolved" if last == place.served else "trained"
    say(f"{reference}: {error}")
    say(f"{reference}: serves {last}, the artefact that was {what} last")
    return last
