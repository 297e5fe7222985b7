"""Runs the components' own unit tests in the environment that they run in, with a film club's models."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import redis

from recommender.adapters.inventory import KEY
from recommender.commands import train
from recommender.settings import RecommenderSettings
from servekit.valkey import valkey_command
from tests.patience import GENEROUS_S, until
from workbench.versions import ROOT

PYTHON = ROOT / ".venvs/seldon/bin/python"
TESTS = Path(__file__).parent / "components"


def test_the_components_work_as_plain_classes(movielens: Path, tmp_path: Path) -> None:
    """Film 103 is out of stock."""
    assert train.main(RecommenderSettings(models_dir=tmp_path / "models", movielens_dir=movielens)) == 0
    socket = tmp_path / "s"
    command = [*valkey_command(0, tmp_path), "--unixsocket", str(socket)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            _sell_out(socket, 103)
            _run(tmp_path / "models" / "1", f"unix://{socket}")
        finally:
            server.kill()


def _sell_out(socket: Path, item: int) -> None:
    with redis.Redis(unix_socket_path=str(socket)) as client:

        def answers() -> bool:  # its socket is there before it listens
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        until(answers, "Valkey listening")
        client.setbit(KEY, item, 1)


def _run(model: Path, inventory: str) -> None:
    options = [
        "-q",
        "-c",
        os.devnull,
        f"--rootdir={ROOT}",
        f"--confcutdir={TESTS}",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "RECOMMENDER_MODEL_DIR": str(model), "RECOMMENDER_INVENTORY_URL": inventory}
    environment["RECOMMENDER_INVENTORY_TIMEOUT_S"] = "10"  # the machine may be busy
    done = subprocess.run(
        [str(PYTHON), "-m", "pytest", *options, str(TESTS)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=GENEROUS_S, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}")
