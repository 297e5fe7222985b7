"""Prometheus and its promtool: from PATH or, where Docker answers, from the image that versions.toml names."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["IMAGE", "REMEDY", "docker_has", "find", "needs_prometheus"]

IMAGE: str = load_versions()["images"]["prometheus"]["reference"]
REMEDY = f"no Prometheus here: Debian's package prometheus has it, or `docker pull {IMAGE}`"


@lru_cache
def docker_has(image: str) -> bool:
    """Whether a Docker engine answers and has the image."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        command = [docker, "image", "inspect", image]
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def find(program: str, *folders: Path) -> list[str] | None:
    """The command that runs ``prometheus`` or ``promtool``; None where there is none.

    Args:
        program: its name.
        folders: what it writes into or reads, besides this repository.
    """
    if found := shutil.which(program):
        return [found]
    if not docker_has(IMAGE):
        return None
    outside = [folder for folder in folders if not folder.is_relative_to(ROOT)]
    mounts = [f"--volume={ROOT}:{ROOT}:ro", *(f"--volume={folder}:{folder}" for folder in outside)]
    who = f"--user={os.getuid()}:{os.getgid()}"
    return ["docker", "run", "--rm", "--network=host", who, *mounts, f"--entrypoint={program}", IMAGE]


needs_prometheus = pytest.mark.skipif(find("promtool") is None, reason=REMEDY)
