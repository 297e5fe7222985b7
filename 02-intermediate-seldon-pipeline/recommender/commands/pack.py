"""The models that ``make image-2`` puts into the images, in ``.run/2/packed``.

The deployment's stable predictor reads ``/models/recommender/1``: that is the champion. Its canary and its shadow read
``/models/recommender/2``: that is what training wrote there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recommender.adapters.artefact import artefact_in
from recommender.settings import RecommenderSettings
from workbench.registry import RegistryError, RegistrySettings, pack
from workbench.terminal import say

__all__ = ["main"]

_PACKED = Path(".run/2/packed/recommender")


def main() -> int:
    """Packs them; 0, or 1 with one line that says why it cannot."""
    stable, other = (artefact_in(RecommenderSettings().models_dir / version) for version in ("1", "2"))
    try:
        pack("recommender", stable, _PACKED / "1", RegistrySettings(), say)
        pack("recommender", other, _PACKED / "2", RegistrySettings(tracking_uri="off"), lambda _: None)
    except RegistryError as error:
        say(f"error: {error}", stderr=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
