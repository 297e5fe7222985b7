"""The model that ``make image-1`` puts into the image: the champion, in ``.run/1/packed``."""

from __future__ import annotations

import sys
from pathlib import Path

from iris_api.adapters.artefact import artefact_in
from iris_api.settings import IrisSettings
from workbench.registry import RegistryError, RegistrySettings, pack
from workbench.terminal import say

__all__ = ["main"]


def main() -> int:
    """Packs it; 0, or 1 with one line that says why it cannot."""
    try:
        pack("iris", artefact_in(IrisSettings().model_dir), Path(".run/1/packed/iris/1"), RegistrySettings(), say)
    except RegistryError as error:
        say(f"error: {error}", stderr=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
