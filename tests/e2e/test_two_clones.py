"""Two clones of the repository side by side: each verb is about the level of its own clone, proxies or not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from tests.ports import free_block

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEAD = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy"), DEAD)


class Level(NamedTuple):
    """A level: where it is, its package, its settings for ports with how many each takes, and what it serves from."""

    number: int
    folder: str
    package: str
    ports: dict[str, int]
    needs: tuple[str, ...]

    @property
    def prefix(self) -> str:
        return next(iter(self.ports)).partition("_")[0] + "_"


LEVELS = (
    Level(1, "01-beginner-iris-api", "iris_api", {"IRIS_PORT": 1, "IRIS_GRPC_PORT": 1}, ("models",)),
    Level(
        2, "02-intermediate-seldon-pipeline", "recommender",
        {"RECOMMENDER_PORT": 1, "RECOMMENDER_VALKEY_PORT": 1, "RECOMMENDER_PREPROCESSOR_PORT": 3,
         "RECOMMENDER_MODEL_PORT": 3, "RECOMMENDER_SECOND_MODEL_PORT": 3, "RECOMMENDER_POSTPROCESSOR_PORT": 3},
        ("models",),
    ),
    Level(
        3, "03-advanced-multimodel-kserve", "shop",
        {"SHOP_PORT": 1, "SHOP_ENVOY_ADMIN_PORT": 1, "SHOP_GATEWAY_PORT": 2, "SHOP_TRITON_HTTP_PORT": 1,
         "SHOP_TRITON_GRPC_PORT": 1, "SHOP_TRITON_METRICS_PORT": 1, "SHOP_FEATURES_PORT": 1, "SHOP_CACHE_PORT": 1},
        ("models", "features", "world"),
    ),
)  # fmt: skip
SEARCH = "[capacity]\nwarmup_s = 0.2\nprobe_s = 1.0\nmax_rps = 20\nrepeats = 1\nprecision = 0.5\n"
MADE = ".run/{level.number}/models"


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
        self.ports = {name: str(free_block(span)) for name, span in level.ports.items()}
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


@pytest.fixture(scope="module", params=LEVELS, ids=lambda level: level.package)
def clones(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clone, Clone]]:
    """Ours and theirs, each up on ports of its own."""
    level: Level = request.param
    if not (ROOT / MADE.format(level=level)).is_dir():
        subprocess.run([sys.executable, "-m", f"{level.package}.commands.train"], cwd=ROOT, check=True)
    here = tmp_path_factory.mktemp("two clones")
    ours, theirs = Clone(here / "ours", level), Clone(here / "theirs", level)
    try:
        for clone in (ours, theirs):
            up = clone.run(f"{level.package}.commands.stack", "up", **clone.ports)
            assert up.returncode == 0, up.stdout + up.stderr
        yield ours, theirs
    finally:
        for clone in (ours, theirs):
            clone.run(f"{level.package}.commands.stack", "down")


VERBS = {
    1: ["client", "conformance", "sla", "capacity", "drift", "status", "logs"],
    2: ["client", "sla", "overhead", "stock", "status", "logs"],
    3: ["client", "conformance", "sla", "canary", "status", "logs"],
}


def words(level: Level, verb: str) -> list[str]:
    """The command behind a verb, as the Makefile has it, in a short form."""
    sla = f"{level.folder}/sla.toml"
    commands = {
        "sla": ["workbench.sla", sla, "--duration", "1", "--rate", "20"],
        "capacity": ["workbench.sla", "capacity", "capacity.toml"],
        "drift": ["servekit.drift", str(level.number)],
        "stock": ["recommender.commands.stock", "--list"],
        "canary": ["shop.commands.canary", "ranking", "--weight", "0"],
    }
    stack = [f"{level.package}.commands.stack", verb]
    return commands.get(verb) or (stack if verb in {"status", "logs"} else [f"{level.package}.commands.{verb}"])


def test_every_command_finds_the_level_of_its_own_clone(clones: tuple[Clone, Clone]) -> None:
    ours, theirs = clones
    before = theirs.answered()
    for verb in VERBS[ours.level.number]:
        done = ours.run(*words(ours.level, verb))
        # How fast it is, and drift, are not judged here, and twenty requests prove no p99.
        judged = {"sla": (1, 3), "capacity": (0, 1), "drift": (0, 1)}.get(verb, (0,))
        assert done.returncode in judged, (verb, done.stdout + done.stderr)
    assert theirs.answered() == before
    result = json.loads((ours.home / f".run/sla/{ours.level.number}.json").read_text(encoding="utf-8"))
    assert (result["target"], result["errors"]) == (ours.url, {})
    assert result["requests"]


def test_commands_refuse_the_level_of_another_clone(clones: tuple[Clone, Clone]) -> None:
    ours, theirs = clones
    name, port = next(iter(theirs.ports.items()))
    for verb in set(VERBS[ours.level.number]) & {"client", "conformance"}:
        done = ours.run(*words(ours.level, verb), **{name: port})
        assert done.returncode == 2
        assert done.stderr.startswith(f"port {port}: is another server, ")
        assert f"of the stack in {theirs.home / '.run' / str(ours.level.number)}" in done.stderr
