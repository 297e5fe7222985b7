"""``make registry``: what is registered, as a table or (``ARGS=--json``) as JSON."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from servekit.json_file import indented
from workbench.registry.errors import RegistryError
from workbench.registry.opening import read_models
from workbench.registry.settings import RegistrySettings
from workbench.registry.table import document, render
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the models; 0, or 1 with one line where the registry does not answer."""
    parser = argparse.ArgumentParser(prog="python -m workbench.registry", description="The registered models.")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    options, settings = parser.parse_args(argv), RegistrySettings()
    try:
        models = read_models(settings)
    except RegistryError as error:
        say(f"error: {error}", stderr=True)
        return 1
    if options.json:
        say(indented(document(models)).decode().rstrip())
    elif not models:
        say(f"{settings.tracking_uri}: no model is registered yet: make train-1 registers the first")
    else:
        console = make_console()
        console.print(render(console, models.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
