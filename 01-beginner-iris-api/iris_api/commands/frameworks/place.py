"""Where a framework runs: its environment, made on demand, and the command with all names filled in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iris_api.commands.frameworks.field import Framework

__all__ = ["Installed", "PlaceError", "environment_of", "installed", "make_environment"]

_OURS = {"main", "seldon", "triton"}
_TAIL = 300


class PlaceError(Exception):
    """A framework cannot run here; the text is the reason that its row shows."""


class Installed(NamedTuple):
    """What a framework's packages take: how many, and bytes on disk."""

    packages: int
    size: int


def environment_of(framework: Framework) -> Path:
    """The folder of its environment, there or not."""
    if framework.environment == "main":
        return Path(sys.prefix)
    folder = Path(".venvs") if framework.environment in _OURS else Path(".venvs/frameworks")
    return (folder / framework.environment).absolute()


def make_environment(framework: Framework) -> Path:
    """Its environment, installed from hash-locked requirements if it is not there.

    Raises:
        PlaceError: a program or a file that it needs is not here, or the installation fails.
    """
    for need in framework.needs:
        if not (Path(need).exists() if "/" in need else shutil.which(need)):
            raise PlaceError(f"{need} is not here{framework.why_not and f': {framework.why_not}'}")
    folder = environment_of(framework)
    if framework.environment == "main":
        return folder
    target = os.path.relpath(folder / ".synced")
    done = subprocess.run(["make", "--silent", target], check=False, capture_output=True, text=True)
    if done.returncode:
        raise PlaceError(f"its environment cannot be installed: {' '.join(done.stderr.split())[-_TAIL:]}")
    return folder


def installed(framework: Framework, environment: Path) -> Installed:
    """The packages of an environment, or those of them that it needs, and theirs."""
    (site,) = environment.glob("lib/python3*/site-packages")
    known = {str(canonicalize_name(each.name)): each for each in distributions(path=[str(site)])}
    names = _needed(framework.packages, known) if framework.packages else set(known)
    return Installed(len(names), sum(_size(known[name]) for name in names))


def _needed(roots: list[str], known: Mapping[str, Distribution]) -> set[str]:
    found: set[str] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or name not in known:
            continue
        found.add(name)
        for text in known[name].requires or []:
            each = Requirement(text)
            extras = requirement.extras or {""}
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(each)
    return found


def _size(package: Distribution) -> int:
    files = (Path(str(package.locate_file(file))) for file in package.files or [])
    return sum(file.stat().st_size for file in files if file.is_file())
