"""The command line of a level's registered models, behind ``make register-N``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.registry.errors import RegistryError
from workbench.registry.registering import register
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servekit.artefact_folder import ArtefactFolder

__all__ = ["main"]


def main(on_disk: Callable[[], Sequence[ArtefactFolder]], argv: Sequence[str] | None = None) -> int:
    """Runs one command on a level's models; 0, or 1 with one line that says why it cannot.

    Args:
        on_disk: gives the artefacts that training left.
        argv: the words of the command line.
    """
    parser = argparse.ArgumentParser(description="A level's registered models.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("register", help="register what training left, where that could not be done at once")
    parser.parse_args(argv)
    try:
        register(on_disk(), say)
    except RegistryError as error:
        say(f"error: {error}", stderr=True)
        return 1
    return 0
