"""The whole level as ``make up-2`` starts it, on ports and in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from recommender.commands.operator import find_deployment
from tests.integration.recommender.patient import OVERLAYS, write_patient
from tests.ports import free_block
from workbench.manifests import build
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREDICTIONS = "/api/v1.0/predictions"
MODELS = ROOT / ".run/2/models/recommender"
LEVEL = ROOT / "02-intermediate-seldon-pipeline"
STEP_MS = 6_000
"""How long a step has for its answer in the level with all overlays."""
STEP = "recommender.commands.step_process"


@dataclass
class Running:
    """A level that runs."""

    folder: Path
    environment: dict[str, str]
    client: httpx.Client
    ports: dict[str, int]

    def ask(self, user: int | None = None, **payload: Any) -> httpx.Response:
        """The pipeline's answer."""
        wanted = payload if user is None else {"user": user, **payload}
        return self.client.post(PREDICTIONS, json={"jsonData": wanted})

    def ids(self, user: int, **payload: Any) -> list[int]:
        """The ids that it recommends."""
        return [item["id"] for item in self.ask(user, **payload).raise_for_status().json()["jsonData"]["items"]]

    def stack(self, command: str) -> str:
        """What ``make COMMAND-2`` would print."""
        return self.run("recommender.commands.stack", command)

    def stock(self, *arguments: str) -> str:
        """What ``make stock-2`` would print."""
        return self.run("recommender.commands.stock", *arguments)

    def run(self, module: str, *arguments: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def step(self, name: str) -> psutil.Process:
        """The wrapper's own process behind a step: the one that supervisord's child started."""
        found = self.find_step(name)
        assert found, f"no process listens on {self.ports[name]}"
        return found

    def find_step(self, name: str) -> psutil.Process | None:
        """The same, or None while there is none."""
        port = str(self.ports[name])
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "--http-port" in words and words[words.index("--http-port") + 1] == port and STEP not in words:
                return psutil.Process(os.getpgid(process.pid))
        return None

    def inventory(self) -> psutil.Process:
        """The process of Valkey."""
        port = str(self.ports["valkey"])
        return next(p for p in psutil.process_iter(["cmdline"]) if f":{port}" in " ".join(p.info["cmdline"] or []))


@contextmanager
def running(folder: Path, deployment: Path, **settings: str) -> Iterator[Running]:
    """The level, from ``up`` to ``down``."""
    (folder / ".venvs").symlink_to(ROOT / ".venvs")
    names = ("router", "valkey", "preprocessor", "model", "model-2", "postprocessor")
    first = free_block(3 * len(names))  # a step's next two ports are its gRPC's and its metrics'
    ports = {name: first + 3 * number for number, name in enumerate(names)}
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "shared", LEVEL))),
        "RECOMMENDER_DEPLOYMENT": str(deployment),
        "RECOMMENDER_MODELS_DIR": str(MODELS),
        "RECOMMENDER_PORT": str(ports["router"]),
        "RECOMMENDER_VALKEY_PORT": str(ports["valkey"]),
        "RECOMMENDER_PREPROCESSOR_PORT": str(ports["preprocessor"]),
        "RECOMMENDER_MODEL_PORT": str(ports["model"]),
        "RECOMMENDER_SECOND_MODEL_PORT": str(ports["model-2"]),
        "RECOMMENDER_POSTPROCESSOR_PORT": str(ports["postprocessor"]),
        "PLANTED_TOKEN": "rubber-duck",  # nobody needs it
        "RECOMMENDER_INVENTORY_TIMEOUT_S": "0.9",  # twice that is less than the two seconds a step has at least
        **settings,
    }
    with httpx.Client(base_url=f"http://127.0.0.1:{ports['router']}", timeout=30) as client:
        level = Running(folder, environment, client, ports)
        try:
            level.stack("up")
            yield level
        finally:
            level.stack("down")


def everything(folder: Path) -> Path:
    """One deployment of what the overlays add to the base: a canary for a tenth, a shadow for all."""
    documents = {name: build(OVERLAYS / name) for name in ("canary", "shadow")}
    canary, shadow = (find_deployment([each.body for each in found]) for found in documents.values())
    canary["spec"]["predictors"].append(shadow["spec"]["predictors"][1])
    return write_patient(canary, folder / "everything.yaml", STEP_MS)


@pytest.fixture(scope="package")
def level(recommender_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The level with all its overlays, started once; its client is answered by the stable predictor."""
    assert recommender_models == MODELS
    folder = tmp_path_factory.mktemp("level")
    with running(folder, everything(folder)) as found:
        found.client.headers["seldon-predictor"] = "default"
        yield found


@pytest.fixture
def public(level: Running) -> Iterator[httpx.Client]:
    """A client that names no predictor: the weights decide."""
    with httpx.Client(base_url=level.client.base_url, timeout=30) as client:
        yield client
