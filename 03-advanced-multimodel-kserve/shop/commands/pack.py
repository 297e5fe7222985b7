"""The models that ``make image-3`` puts into the images: every version in ``.run/3/models``, the champions among them.

A version's number is that of its folder, here and in the chart's values, which say what is stable. A champion that no
folder holds any more gets one, and the number of each champion is said.
"""

from __future__ import annotations

import sys

from shop.addresses import Addresses
from shop.commands.serving import place
from shop.endpoints import MODELS
from workbench.registry import RegistryError, RegistrySettings, champion
from workbench.registry.artefact import checked_folder
from workbench.terminal import say

__all__ = ["main"]


def main() -> int:
    """Packs them; 0, or 1 with one line that says why it cannot."""
    settings, models_dir = RegistrySettings(), Addresses().models_dir
    try:
        for model in MODELS:
            found = champion(model, settings)
            if isinstance(found, str):
                say(f"{model}: packs {models_dir / model}, as it was trained last: {found}")
                continue
            checked_folder(found, "make train-3", "SHOP_RUN_DIR")
            number = place(found, models_dir)
            say(f"models:/{model}@champion: packs {found.title}, sha256 {found.sha256[:12]}…, as version {number}")
    except RegistryError as error:
        say(f"error: {error}", stderr=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
