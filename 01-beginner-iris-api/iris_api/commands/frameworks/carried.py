"""``--with NAME``: takes a program that no registry of packages has out of the image that carries it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from iris_api.commands.frameworks.field import FieldError

if TYPE_CHECKING:
    from iris_api.commands.frameworks.field import Framework

__all__ = ["PROGRAMS", "take_out", "use_programs"]

PROGRAMS = Path(".cache/programs")


def use_programs() -> None:
    """Puts what was taken out on PATH."""
    if PROGRAMS.is_dir():
        os.environ["PATH"] = f"{PROGRAMS.absolute()}{os.pathsep}{os.environ['PATH']}"


def take_out(framework: Framework) -> None:
    """Pulls the framework's image, unless its program is here, and copies the program out of it.

    Raises:
        FieldError: it has no image, Docker is not here, or Docker cannot do it; the text has Docker's reason.
    """
    if not framework.image:
        raise FieldError(f"--with {framework.name}: no image carries it, it needs none")
    (program,) = framework.needs
    if shutil.which(program):
        return
    name = f"iris-{framework.name}"
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    _docker("create", "--name", name, framework.image)
    try:
        _docker("cp", f"{name}:/usr/bin/{program}", str(PROGRAMS / program))
    finally:
        _docker("rm", name)
    use_programs()


def _docker(*words: str) -> None:
    try:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FieldError("docker is not here: the image cannot be pulled") from None
    if done.returncode:
        raise FieldError(f"docker {words[0]}: {' '.join(done.stderr.split())}")
