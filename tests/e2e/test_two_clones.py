"""Two clones of the repository side by side: each verb is about the level of its own clone, proxies or not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LEVEL = "01-beginner-iris-api"
DEAD = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy"), DEAD)


class Clone:
    """A second tree with the code and the models of this one, and a run folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        shutil.copytree(ROOT / LEVEL, home / LEVEL)
        shutil.copytree(ROOT / "shared", home / "shared", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "versions.toml", home)
        trained = self.run("iris_api.entrypoints.train")
        assert trained.returncode == 0, trained.stderr

    def run(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the clone's commands there, as make does, in an environment whose proxies are dead."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.home,
            env=self._environment() | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IRIS_")}
        return kept | PROXIES | {"PYTHONPATH": os.pathsep.join([str(self.home / "shared"), str(self.home / LEVEL)])}


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clone, Clone, dict[str, str], str]]:
    """Ours, theirs, the ports that ours is started with, and the address of theirs."""
    here = tmp_path_factory.mktemp("two clones")
    ours, theirs = Clone(here / "ours"), Clone(here / "theirs")
    ports = free_ports(4)
    chosen = [{"IRIS_PORT": str(http), "IRIS_GRPC_PORT": str(grpc)} for http, grpc in (ports[:2], ports[2:])]
    try:
        for clone, its in zip((ours, theirs), chosen, strict=True):
            up = clone.run("iris_api.entrypoints.stack", "up", **its)
            assert up.returncode == 0, up.stdout + up.stderr
        yield ours, theirs, chosen[0], f"http://127.0.0.1:{ports[2]}"
    finally:
        for clone in (ours, theirs):
            clone.run("iris_api.entrypoints.stack", "down")


def _answered(url: str) -> float:
    """How many requests but those for its metrics and its identity a clone has answered."""
    with httpx.Client(trust_env=False) as http:
        lines = http.get(f"{url}/metrics").text.splitlines()
    counts = [line for line in lines if line.startswith("serving_request_duration_seconds_count") and "/v1" in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counts)


@pytest.mark.parametrize(
    "command",
    [
        ["iris_api.entrypoints.client"],
        ["iris_api.entrypoints.conformance"],
        ["servekit.sla", f"{LEVEL}/sla.toml", "--duration", "1", "--rate", "20"],
        ["servekit.drift", "1"],
        ["iris_api.entrypoints.stack", "status"],
    ],
    ids=lambda command: command[0],
)
def test_a_verb_is_about_its_own_clone_without_being_told_the_port(
    clones: tuple[Clone, Clone, dict[str, str], str], command: list[str]
) -> None:
    ours, _, chosen, other = clones
    before = _answered(other)
    # status probes with the settings of the level, which it is told
    done = ours.run(*command, **(chosen if command[-1] == "status" else {}))
    wanted = (0, 1) if command[0] in {"servekit.sla", "servekit.drift"} else (0,)  # how fast, and drift, are not judged
    assert done.returncode in wanted, done.stdout + done.stderr
    assert _answered(other) == before
    if command[0] == "servekit.sla":
        result = json.loads((ours.home / ".run" / "sla" / "1.json").read_text(encoding="utf-8"))
        assert result["target"] == f"http://127.0.0.1:{chosen['IRIS_PORT']}"
        assert result["requests"]
        assert result["errors"] == {}


@pytest.mark.parametrize("module", ["iris_api.entrypoints.client", "iris_api.entrypoints.conformance"])
def test_the_other_clone_is_refused(clones: tuple[Clone, Clone, dict[str, str], str], module: str) -> None:
    ours, theirs, _, other = clones
    port = other.rpartition(":")[2]
    done = ours.run(module, IRIS_PORT=port)
    assert done.returncode == 2
    assert done.stderr.startswith(f"port {port}: is another server, ")
    assert f"of the stack in {theirs.home / '.run' / '1'}" in done.stderr
