"""``make register-3``, ``promote-3`` and ``rollback-3``: level 3's models in the registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.artefact import artefact_in
from shop.commands.serving import ShopLevel
from shop.endpoints import MODELS
from shop.serving.repository import versions
from workbench.registry import commands
from workbench.stack import find_started, remember

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servekit.artefact_folder import ArtefactFolder

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    return commands.main(_level, _on_disk, argv)


def _level() -> ShopLevel:
    addresses = Addresses()
    return ShopLevel(addresses, is_up=find_started(3, addresses.run_dir) is not None)


def _on_disk() -> list[ArtefactFolder]:
    """Every version of every model, each model's first version first."""
    folders = [Addresses().models_dir / model for model in MODELS]
    return [artefact_in(folder / str(version)) for folder in folders for version in versions(folder) or [1]]


if __name__ == "__main__":
    if "register" not in sys.argv[1:2]:
        remember(3, sys.argv[1:], Addresses().run_dir)
    sys.exit(main())
