"""A command of a level, as a step of a release calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from release.step import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from release.step import Place

__all__ = ["call", "called", "log_of"]


def call(
    place: Place, module: str, *words: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> int:
    """Runs ``python -m module words`` and returns its exit code; what it prints is appended to `log_of` it.

    Args:
        place: of the step.
        module: the command's.
        words: its arguments.
        environment: added to this process's.
        folder: where it runs; by default here.
    """
    with log_of(place, module).open("ab") as log:
        command, variables = [sys.executable, "-m", module, *words], {**os.environ, **(environment or {})}
        done = subprocess.run(command, cwd=folder, env=variables, stdout=log, stderr=subprocess.STDOUT, check=False)
    return done.returncode


def called(
    place: Place, module: str, *words: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> None:
    """The same for a command that must succeed.

    Raises:
        StepError: it does not; the error has its last line.
    """
    if ended := call(place, module, *words, environment=environment, folder=folder):
        log = log_of(place, module)
        last = " ".join(log.read_text(encoding="utf-8").strip().splitlines()[-1:])
        raise StepError(f"python -m {module} {' '.join(words)}: exit {ended}: {last}: {log} says more")


def log_of(place: Place, module: str) -> Path:
    """The file with what a command printed: in the step's folder, named like the command."""
    return place.own / f"{module.rpartition('.')[2]}.log"
