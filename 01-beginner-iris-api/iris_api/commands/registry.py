"""``make register-1``, ``promote-1`` and ``rollback-1``: level 1's model in the registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from iris_api.adapters.artefact import artefact_in
from iris_api.commands.serving import IrisLevel
from iris_api.commands.stack import stack
from iris_api.settings import IrisSettings
from workbench.registry import commands
from workbench.stack import remember

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servekit.artefact_folder import ArtefactFolder

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    return commands.main(lambda: IrisLevel(stack()), _on_disk, argv)


def _on_disk() -> list[ArtefactFolder]:
    return [artefact_in(IrisSettings().model_dir)]


if __name__ == "__main__":
    if "register" not in sys.argv[1:2]:
        remember(1, sys.argv[1:])
    sys.exit(main())
