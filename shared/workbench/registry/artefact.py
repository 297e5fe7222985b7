"""The registry's artefacts: checked, told apart by their bytes, and kept where no training overwrites them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from servekit.artefact_folder import CARD, MODEL, ArtefactError, ArtefactFolder
from servekit.signing import SIGNATURE
from workbench.registry.errors import RegistryError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.registry.version import ModelVersion

__all__ = ["checked_card", "checked_folder", "digest", "keep", "put"]


def checked_card(artefact: ArtefactFolder) -> dict[str, Any]:
    """The card of an artefact that is whole: the graph and each file beside it are the bytes that the card names.

    Raises:
        ArtefactError: a file is missing, damaged or half written, or the card is not signed as it must be.
    """
    content = artefact.card()
    try:
        card: dict[str, Any] = json.loads(content)
        wanted = {MODEL: str(card["sha256"]), **card.get("files", {})}
    except (ValueError, TypeError, KeyError) as error:
        raise artefact.unreadable(CARD, "a model card", error) from None
    for name, sha256 in wanted.items():
        artefact.verified(name, sha256)
    return card


def digest(folder: Path) -> str:
    """The sha256 of an artefact's files, in the order of their names, without the card: it holds the time of day.

    Raises:
        OSError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in {CARD, SIGNATURE} and not path.name.startswith("."):
            whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def keep(artefact: ArtefactFolder, sha256: str, place: Path) -> None:
    """Copies an artefact with this `digest` to a folder of its own; a copy that is there already stays if it is whole.

    Raises:
        RegistryError: the disk is full or the folder cannot be written.
    """
    try:
        if not (place / CARD).exists() or digest(place) != sha256:
            put(artefact.path, place)
    except OSError as error:
        remedy = "free some space, or set REGISTRY_ARTEFACTS"
        raise RegistryError(f"artefact {place}: {error.strerror or error}: {remedy}") from None


def put(source: Path, place: Path) -> None:
    """Puts a copy of a folder in the place of another, which is left whole or replaced whole.

    For an instant between the two there is none, which an `ArtefactFolder` reports as missing.

    Raises:
        OSError: the copy cannot be made; the old one is still there.
    """
    new, old = (place.with_name(f".{place.name}.{os.getpid()}.{which}") for which in ("new", "old"))
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(new, ignore_errors=True)
    try:
        shutil.copytree(source, new, ignore=shutil.ignore_patterns(".*"))
        if place.exists():
            place.replace(old)
        new.replace(place)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists() and not place.exists():
            old.replace(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def checked_folder(version: ModelVersion, train: str, setting: str) -> Path:
    """The folder of a registered version, after its bytes were held against what was registered.

    Args:
        version: the version.
        train: the command that makes such artefacts, for messages.
        setting: the variable that names another folder; its prefix says which keys vouch for cards.

    Raises:
        RegistryError: the folder is gone, half written, or holds other bytes than were registered.
    """
    folder = version.folder
    try:
        card = checked_card(ArtefactFolder(folder, train, setting, name=version.model))
        found = digest(folder)
    except (ArtefactError, OSError) as error:
        raise RegistryError(f"artefact of {version.title}: {error}") from None
    for what, actual, registered in (
        ("model.onnx", str(card["sha256"]), version.sha256),
        ("all files", found, version.artefact_sha256),
    ):
        if actual != registered:
            raise RegistryError(
                f"artefact of {version.title} in {folder}: sha256 {actual[:12]}… of {what}: registered was "
                f"{registered[:12] or 'none'}…: the files were replaced: promote another version, or {train}"
            )
    return folder
