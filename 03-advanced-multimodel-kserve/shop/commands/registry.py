"""``make register-3``: level 3's models in the registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.artefact import artefact_in
from shop.endpoints import MODELS
from shop.serving.repository import versions
from workbench.registry import commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servekit.artefact_folder import ArtefactFolder

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    return commands.main(None, _on_disk, argv)


def _on_disk() -> list[ArtefactFolder]:
    """Every version of every model, each model's first version first."""
    folders = [Addresses().models_dir / model for model in MODELS]
    return [artefact_in(folder / str(version)) for folder in folders for version in versions(folder) or [1]]


if __name__ == "__main__":
    sys.exit(main())
