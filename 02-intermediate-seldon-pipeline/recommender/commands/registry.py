"""``make register-2``, ``promote-2`` and ``rollback-2``: level 2's models in the registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from recommender.adapters.artefact import artefact_in
from recommender.commands.serving import RecommenderLevel
from recommender.settings import RecommenderSettings
from workbench.registry import commands
from workbench.stack import remember

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servekit.artefact_folder import ArtefactFolder

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    return commands.main(RecommenderLevel, _on_disk, argv)


def _on_disk() -> list[ArtefactFolder]:
    return [artefact_in(RecommenderSettings().models_dir / version) for version in ("1", "2")]


if __name__ == "__main__":
    if "register" not in sys.argv[1:2]:
        remember(2, sys.argv[1:])
    sys.exit(main())
