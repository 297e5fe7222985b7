"""A level in a tree of its own, with a run folder and ports of its own, beside whatever runs from this one."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import httpx

from tests.ports import free_block
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LEVELS", "RECOMMENDER", "Clone", "Level", "give_steps_time", "make_models"]

DEAD = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy"), DEAD)


class Level(NamedTuple):
    """A level.

    Attributes:
        number: its number.
        folder: where it is.
        package: its package.
        ports: its settings for ports, with how many each takes.
        needs: what it serves from.
        trained: what its training writes last.
        patience: settings with which it answers on a busy machine, too, and late rather than degraded.
    """

    number: int
    folder: str
    package: str
    ports: dict[str, int]
    needs: tuple[str, ...]
    trained: str
    patience: dict[str, str]

    @property
    def prefix(self) -> str:
        return next(iter(self.ports)).partition("_")[0] + "_"


LEVELS = (
    Level(
        1, "01-beginner-iris-api", "iris_api", {"IRIS_PORT": 1, "IRIS_GRPC_PORT": 1},
        ("models",), "models/iris/1/model.json", {},
    ),
    Level(
        2, "02-intermediate-seldon-pipeline", "recommender",
        {"RECOMMENDER_PORT": 1, "RECOMMENDER_VALKEY_PORT": 1, "RECOMMENDER_PREPROCESSOR_PORT": 3,
         "RECOMMENDER_MODEL_PORT": 3, "RECOMMENDER_SECOND_MODEL_PORT": 3, "RECOMMENDER_POSTPROCESSOR_PORT": 3,
         "RECOMMENDER_SPARE_PORT": 9},
        ("models",), "models/recommender/2/model.json",
        {"RECOMMENDER_INVENTORY_TIMEOUT_S": "2"},
    ),
    Level(
        3, "03-advanced-multimodel-kserve", "shop",
        {"SHOP_PORT": 1, "SHOP_ENVOY_ADMIN_PORT": 1, "SHOP_GATEWAY_PORT": 2, "SHOP_TRITON_HTTP_PORT": 1,
         "SHOP_TRITON_GRPC_PORT": 1, "SHOP_TRITON_METRICS_PORT": 1, "SHOP_FEATURES_PORT": 1, "SHOP_CACHE_PORT": 1},
        ("models", "features", "world"), "features/features.json",
        {"SHOP_DEADLINE_MS": "8000", "SHOP_TARGET_MS": "100000", "SHOP_EDGE_SLOW_MS": "100000",
         "SHOP_EDGE_TIMEOUT_S": "20"},
    ),
)  # fmt: skip
RECOMMENDER = LEVELS[1]
STEP_MS = 8_000
"""How long a step of level 2's graph has on a busy machine; all three have less than the fuzzer waits for an answer."""
SEARCH = "[capacity]\nwarmup_s = 0.2\nprobe_s = 1.0\nmax_rps = 20\nrepeats = 1\nprecision = 0.5\n"


def make_models(level: Level) -> None:
    """Trains what a level serves from, in this tree, unless it is there; one worker does, and the others wait."""
    home = ROOT / ".run" / str(level.number)
    home.mkdir(parents=True, exist_ok=True)
    folder = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not (home / level.trained).exists():
            subprocess.run([sys.executable, "-m", f"{level.package}.commands.train"], cwd=ROOT, check=True)
    finally:
        os.close(folder)


def give_steps_time(folder: Path, step_ms: int) -> None:
    """Lets each step of a graph take so long for an answer, in a copy of a level's folder; not all have a graph."""
    for deployment in folder.glob("deploy/base/seldondeployment.yaml"):
        text = deployment.read_text(encoding="utf-8")
        deployment.write_text(re.sub(r'(-timeout: )"\d+"', rf'\g<1>"{step_ms}"', text), encoding="utf-8")


class Clone:
    """A second tree with the code and the models of this one, and a run folder of its own."""

    def __init__(self, home: Path, level: Level) -> None:
        self.home, self.level = home, level
        shutil.copytree(ROOT / level.folder, home / level.folder)
        shutil.copytree(ROOT / "shared", home / "shared", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "versions.toml", home)
        (home / ".venvs").symlink_to(ROOT / ".venvs")
        for name in level.needs:
            shutil.copytree(ROOT / ".run" / str(level.number) / name, home / ".run" / str(level.number) / name)
        stated = (home / level.folder / "sla.toml").read_text(encoding="utf-8").partition("[capacity]")[0]
        (home / "capacity.toml").write_text(stated + SEARCH, encoding="utf-8")
        give_steps_time(home / level.folder, STEP_MS)
        self.ports = {name: str(free_block(span)) for name, span in level.ports.items()}
        self.settings = self.ports | level.patience
        self.url = f"http://127.0.0.1:{next(iter(self.ports.values()))}"

    def run(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the clone's commands there, as make does, in an environment whose proxies are dead."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.home,
            env=self._environment() | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def answered(self) -> float:
        """How many requests but those for its metrics and its identity it has answered."""
        metrics = json.loads((self.home / f".run/{self.level.number}/started.json").read_text("utf-8"))["metrics"]
        with httpx.Client(trust_env=False) as http:
            lines = http.get(metrics).text.splitlines()
        counts = [line for line in lines if line.startswith("serving_request_duration_seconds_count")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in counts if "/v1" in line)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(self.level.prefix)}
        path = os.pathsep.join([str(self.home / "shared"), str(self.home / self.level.folder)])
        return kept | PROXIES | {"PYTHONPATH": path}
