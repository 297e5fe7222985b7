"""What goes into an image: the champion, with the bytes that were registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servekit.artefact_folder import ArtefactError
from workbench.registry.artefact import checked_card, checked_folder, put
from workbench.registry.errors import RegistryError
from workbench.registry.opening import read_models
from workbench.registry.version import CHAMPION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servekit.artefact_folder import ArtefactFolder
    from workbench.registry.settings import RegistrySettings
    from workbench.registry.version import ModelVersion

__all__ = ["champion", "pack"]


def champion(model: str, settings: RegistrySettings) -> ModelVersion | str:
    """The version that ``models:/MODEL@champion`` names, or why there is none to pack.

    Raises:
        RegistryError: the alias points to a version that is gone.
    """
    if settings.off:
        return "the registry is off"
    try:
        models = read_models(settings)
    except RegistryError as error:
        return str(error)
    version = models[model].alias(CHAMPION) if model in models else None
    return version or "it has no champion in the registry"


def pack(
    model: str, trained: ArtefactFolder, target: Path, settings: RegistrySettings, say: Callable[[str], None]
) -> None:
    """Copies the champion to where an image's build takes it from, and says which version that is.

    Without a registry that answers, or a champion, that is what was trained last.

    Args:
        model: the registered model.
        trained: what training left.
        target: the folder that is replaced.
        settings: of the registry.
        say: is given the line.

    Raises:
        RegistryError: the artefact is not whole, or holds other bytes than were registered, or the disk is full.
    """
    found = champion(model, settings)
    try:
        if isinstance(found, str):
            sha256 = str(checked_card(trained)["sha256"])
            put(trained.path, target)
            say(f"{model}: packs {trained.path}, as it was trained last, sha256 {sha256[:12]}…: {found}")
        else:
            put(checked_folder(found, trained.train, trained.setting), target)
            say(f"models:/{model}@{CHAMPION}: packs {found.title}, sha256 {found.sha256[:12]}…, as it was registered")
    except ArtefactError as error:
        raise RegistryError(f"{model}: {error}") from None
    except OSError as error:
        raise RegistryError(f"{target}: {error.strerror or error}: free some space") from None
