"""Level 1 as its user meets it: up, look, down — each the command that ``make`` runs.

What goes well, from training to the clients, is in the lesson, whose commands `tests/course` runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import httpx
import pytest

from tests.patience import GENEROUS_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Done = subprocess.CompletedProcess[str]


class Run(Protocol):
    def __call__(self, module: str, *arguments: str) -> Done: ...


@pytest.fixture
def ports(free_ports: Callable[[int], list[int]]) -> list[int]:
    return free_ports(2)


@pytest.fixture
def run(tmp_path: Path, ports: list[int]) -> Iterator[Run]:
    """Runs the level's commands in an empty folder, on free ports; at the end the level is stopped."""
    environment = {
        **os.environ,
        "IRIS_PORT": str(ports[0]),
        "IRIS_GRPC_PORT": str(ports[1]),
        "COLUMNS": "120",
    }

    def run(module: str, *arguments: str) -> Done:
        command = [sys.executable, "-m", f"iris_api.commands.{module}", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=4 * GENEROUS_S, check=False
        )

    yield run
    assert run("stack", "down").returncode == 0


def succeeded(done: Done) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_make_trains_starts_asks_and_stops_level_1(run: Run, ports: list[int], tmp_path: Path, model_dir: Path) -> None:
    untrained = run("stack", "up")
    assert untrained.returncode == 1
    told = " ".join((untrained.stdout + untrained.stderr).split())  # a terminal breaks long lines
    assert "model.json: No such file or directory: run make train-1, or set IRIS_MODEL_DIR" in told

    shutil.copytree(model_dir, tmp_path / ".run/1/models/iris/1")
    succeeded(run("stack", "up"))
    assert httpx.get(f"http://127.0.0.1:{ports[0]}/readyz").json() == {"status": "ready"}
    succeeded(run("stack", "status"))
    succeeded(run("stack", "down"))

    asked = run("client")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr.endswith("Connection refused: run make up-1, then make logs-1\n")
    assert {path.name for path in tmp_path.iterdir()} == {".run"}
    assert (tmp_path / ".run/1/traces.jsonl").exists()
