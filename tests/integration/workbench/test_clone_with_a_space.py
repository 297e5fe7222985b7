"""A clone in a folder with a blank, of somebody without a home folder: set up, trained, started, asked, stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEFT_OUT = shutil.ignore_patterns(".git", ".venvs", ".run", ".cache", ".*_cache", ".hypothesis", "__pycache__", "*.pyc")


@pytest.mark.slow
def test_every_command_of_level_1_works_in_a_clone_with_a_space(
    tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    clone = tmp_path / "a b" / "c d; e%f"
    shutil.copytree(ROOT, clone, ignore=LEFT_OUT)
    port, grpc_port = free_ports(2)
    known = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV", "CI"}}
    environment = {
        **known,
        "HOME": "/dev/null",
        "IRIS_PORT": str(port),
        "IRIS_GRPC_PORT": str(grpc_port),
        # the downloads of the clone under test are as good as new ones
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", f"{os.environ.get('HOME', ROOT)}/.cache"),
    }

    def make(*targets: str) -> str:
        done = subprocess.run(
            ["make", *targets], cwd=clone, env=environment, check=False, capture_output=True, text=True, umask=0o077
        )
        assert done.returncode == 0, f"make {targets}: {done.stdout}{done.stderr}"
        return done.stdout

    make("setup")
    try:
        make("train-1", "up-1")
        assert "every answer agrees with scikit-learn" in make("client-1")
        make("status-1")
    finally:
        make("down-1")
