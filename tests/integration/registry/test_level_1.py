"""Level 1, as make starts it, serves the champion; a promotion and a rollback under load lose no request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

import httpx
import pytest

from iris_api.adapters.artefact import artefact_in, read_artefact
from tests.artefacts import decisions
from tests.integration.release.conftest import promise
from tests.patience import GENEROUS_S, until
from tests.ports import free_ports
from workbench.registry import CHAMPION, RegistrySettings, read_models, register
from workbench.registry.artefact import put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

FLOWER = {"sepal_length_cm": 5.9, "sepal_width_cm": 3.0, "petal_length_cm": 4.9, "petal_width_cm": 1.7}
TRAINED = ".run/1/models/iris/1"


class Level:
    """A level 1 in a folder of its own, by its commands."""

    def __init__(self, home: Path, registry: RegistrySettings) -> None:
        self.home = home
        port, grpc_port = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        self._ports = {"IRIS_PORT": str(port), "IRIS_GRPC_PORT": str(grpc_port)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IRIS_")}
        self._environment = {
            **kept, "MLFLOW_TRACKING_URI": registry.tracking_uri, "REGISTRY_ARTEFACTS": str(registry.artefacts),
        }  # fmt: skip

    def run(self, module: str, *words: str, **environment: str) -> tuple[int, str]:
        return self.call(f"iris_api.commands.{module}", *words, **environment)

    def call(self, module: str, *words: str, **environment: str) -> tuple[int, str]:
        ports = self._ports if "up" in words else {}
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            cwd=self.home, env={**self._environment, **ports, **environment}, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout

    def sure(self) -> float:
        answer = httpx.post(f"{self.url}/v1/predict", json=FLOWER, timeout=GENEROUS_S).raise_for_status()
        return max(map(float, answer.json()["predictions"][0]["probabilities"]))

    @contextmanager
    def load(self) -> Iterator[list[int]]:
        """Callers that go on until the end; an answer that fails to come is raised there."""
        answers: list[int] = []
        enough = Event()

        def call() -> None:
            with httpx.Client(trust_env=False, timeout=GENEROUS_S) as http:
                while not enough.wait(0.02):
                    answers.append(http.post(f"{self.url}/v1/predict", json=FLOWER).status_code)

        with ThreadPoolExecutor(3) as pool:
            callers = [pool.submit(call) for _ in range(3)]
            until(lambda: len(answers) > 30)
            try:
                yield answers
            finally:
                enough.set()
            for caller in callers:
                caller.result()


@pytest.fixture
def level(model_dir: Path, tmp_path: Path, registry: RegistrySettings) -> Iterator[Level]:
    from iris_api.training.artefact import write_model  # noqa: PLC0415 - scikit-learn is for those who ask for it

    trained = tmp_path / TRAINED
    put(model_dir, trained)
    register([artefact_in(trained)], settings=registry)
    write_model(trained, c=0.01)
    register([artefact_in(trained)], settings=registry)
    level = Level(tmp_path, registry)
    try:
        yield level
    finally:
        level.run("stack", "down")


def test_the_champion_is_served_and_a_promotion_and_a_rollback_lose_no_request(
    level: Level, registry: RegistrySettings
) -> None:
    code, said = level.run("stack", "up")
    assert code == 0, said
    assert "models:/iris@champion: iris 1 (champion), sha256" in said
    first = level.sure()
    with level.load() as answers:
        code, said = level.run("registry", "promote", "iris", "2", "--why=less sure")
        assert (code, said) == (0, "iris: champion 1 -> 2: level 1 serves it, without a restart\n")
        second = level.sure()
        code, said = level.run("registry", "rollback", "iris")
        assert (code, said) == (0, "iris: champion 2 -> 1: level 1 serves it, without a restart\n")
    assert set(answers) == {200}
    assert level.sure() == first != second
    code, said = level.run("client")  # the oracle is that of the model in service
    assert code == 0, said
    assert "champion from version 1 to version 2: less sure (by " in decisions(registry)[0]


def test_a_release_brings_its_model_to_the_server_that_runs(level: Level, registry: RegistrySettings) -> None:
    assert level.run("stack", "up")[0] == 0
    first, held_to = level.sure(), ["--sla", str(promise(level.home, 5000)), "--rate", "60", "--duration", "6"]
    code, said = level.call("release", "1", "--c", "5", *held_to)
    assert code == 0, said
    assert "level 1 serves it, without a restart" in said
    assert level.sure() != first
    assert read_models(registry)["iris"].aliases[CHAMPION] == 3


def test_what_cannot_be_served_is_refused_and_a_registry_that_is_away_keeps_no_level_down(
    level: Level, registry: RegistrySettings
) -> None:
    code, said = level.run("registry", "promote", "iris", "2")
    assert (code, said) == (0, "iris: champion 1 -> 2: level 1 is not up; its next start serves it\n")
    code, said = level.run("stack", "up", MLFLOW_TRACKING_URI=f"sqlite:///{level.home / TRAINED / 'model.json'}")
    assert code == 0, said
    assert "serves .run/1/served/iris/1, the artefact that was resolved last" in said
    assert sha256(level.home / ".run/1/served/iris/1") == read_models(registry)["iris"].version(2).sha256
    level.run("stack", "down")
    code, said = level.run("stack", "up", IRIS_MODEL="models:/iris/7")
    assert (code, said) == (1, "error: IRIS_MODEL: version 7 of iris: expected one of 1, 2: make registry\n")
    (read_models(registry)["iris"].version(1).folder / "model.onnx").write_bytes(b"other")
    code, said = level.run("stack", "up", IRIS_MODEL="models:/iris/1")
    assert code == 1
    assert "as model.json says: the file is damaged or was replaced: run make train-1" in said
    assert read_models(registry)["iris"].aliases[CHAMPION] == 2


def test_a_folder_that_was_asked_for_is_served_in_place_and_a_promotion_says_so(level: Level) -> None:
    code, said = level.run("stack", "up", IRIS_MODEL=TRAINED)
    assert code == 0, said
    code, said = level.run("registry", "promote", "iris", "2")
    assert (code, said) == (0, f"iris: champion 1 -> 2: level 1 goes on with {TRAINED}, which it was started with\n")


def sha256(folder: Path) -> str:
    return read_artefact(folder)[1].sha256


def test_a_level_that_is_up_takes_over_what_was_promoted_elsewhere(level: Level, registry: RegistrySettings) -> None:
    from workbench.registry.opening import open_store  # noqa: PLC0415

    assert level.run("stack", "up")[0] == 0
    first = level.sure()
    open_store(registry).point("iris", CHAMPION, 2)
    code, said = level.run("stack", "up")
    assert code == 0, said
    assert level.sure() != first
    started = json.loads((level.home / ".run/1/started.json").read_bytes())
    assert started["settings"]["IRIS_MODEL_DIR"] == ".run/1/served/iris/1"
