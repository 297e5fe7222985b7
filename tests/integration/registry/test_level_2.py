"""Level 2, as make starts it, serves the champion; a promotion and a rollback under load lose no request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

import httpx
import pytest

from recommender.adapters.artefact import artefact_in
from tests.artefacts import decisions
from tests.integration.recommender.patient import patient_base
from tests.patience import GENEROUS_S, until
from tests.ports import free_block
from workbench.registry import CHAMPION, RegistrySettings, read_models, register
from workbench.registry.artefact import digest
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

USUAL, SPARE = ".run/2/served/recommender", ".run/2/served/recommender-b"
PORTS = ("", "VALKEY_", "PREPROCESSOR_", "MODEL_", "SECOND_MODEL_", "POSTPROCESSOR_", "SPARE_")


class Level:
    """A level 2 in a folder of its own, by its commands."""

    def __init__(self, home: Path, registry: RegistrySettings) -> None:
        self.home = home
        first = free_block(3 * 6 + 9)
        self._settings = {f"RECOMMENDER_{name}PORT": str(first + 3 * number) for number, name in enumerate(PORTS)}
        self._settings |= patient_base(home)
        self.url = f"http://127.0.0.1:{first}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RECOMMENDER_")}
        self._environment = {
            **kept, "MLFLOW_TRACKING_URI": registry.tracking_uri, "REGISTRY_ARTEFACTS": str(registry.artefacts),
            "CLIENT_USERS": "40",
        }  # fmt: skip

    def run(self, module: str, *words: str, **environment: str) -> tuple[int, str]:
        settings = self._settings if "up" in words else {}
        done = subprocess.run(
            [sys.executable, "-m", f"recommender.commands.{module}", *words],
            cwd=self.home, env={**self._environment, **settings, **environment}, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout

    def ask(self, http: httpx.Client) -> str:
        """The version that answers."""
        answer = http.post("/api/v1.0/predictions", json={"jsonData": {"user": 196, "k": 3}})
        return str(answer.raise_for_status().json()["meta"]["tags"]["version"])

    def version(self) -> str:
        with self.client() as http:
            return self.ask(http)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=GENEROUS_S)

    @contextmanager
    def load(self) -> Iterator[list[tuple[float, str]]]:
        """When each request was sent, and which version answered it, by callers that go on until the end.

        An answer that fails to come is raised there.
        """
        answers: list[tuple[float, str]] = []
        enough = Event()

        def call() -> None:
            with self.client() as http:
                while not enough.wait(0.02):
                    answers.append((time.monotonic(), self.ask(http)))

        with ThreadPoolExecutor(3) as pool:
            callers = [pool.submit(call) for _ in range(3)]
            until(lambda: len(answers) > 30)
            try:
                yield answers
            finally:
                enough.set()
            for caller in callers:
                caller.result()

    def trained(self, version: str) -> Path:
        return self.home / ".run/2/models/recommender" / version


@pytest.fixture
def level(recommender_models: Path, tmp_path: Path, registry: RegistrySettings) -> Iterator[Level]:
    (tmp_path / ".venvs").symlink_to(ROOT / ".venvs")
    level = Level(tmp_path, registry)
    for version in ("1", "2"):
        level.trained(version).parent.mkdir(parents=True, exist_ok=True)
        level.trained(version).symlink_to(recommender_models / version)
        register([artefact_in(level.trained(version))], settings=registry)
    try:
        yield level
    finally:
        level.run("stack", "down")


def test_a_promotion_and_a_rollback_lose_no_request_and_the_new_version_answers(
    level: Level, registry: RegistrySettings
) -> None:
    code, said = level.run("stack", "up")
    assert code == 0, said
    assert "models:/recommender@champion: recommender 1 (champion), sha256" in said
    assert level.version() == "1"
    with level.load() as answers:
        code, said = level.run("registry", "promote", "recommender", "2", "--why=wider")
        assert code == 0, said
        assert said.endswith("recommender: champion 1 -> 2: level 2 serves it, without a lost request\n")
        promoted = time.monotonic()
        until(lambda: len([sent for sent, _ in answers if sent > promoted]) > 10)
        assert {version for sent, version in answers if sent > promoted} == {"2"}
        code, said = level.run("stack", "status")
        assert code == 0, said
        assert ["model-b" in said, "model " in said] == [True, False]
        code, said = level.run("registry", "rollback", "recommender")
        assert code == 0, said
        assert said.endswith("recommender: champion 2 -> 1: level 2 serves it, without a lost request\n")
    assert {version for _, version in answers} == {"1", "2"}
    assert level.version() == "1"
    code, said = level.run("client")  # the oracle is that of the model in service
    assert code == 0, said
    assert read_models(registry)["recommender"].aliases[CHAMPION] == 1
    assert "champion from version 1 to version 2: wider (by " in decisions(registry)[0]


def test_what_cannot_be_served_is_refused_and_a_registry_that_is_away_keeps_no_level_down(
    level: Level, registry: RegistrySettings
) -> None:
    from workbench.registry.opening import open_store  # noqa: PLC0415

    code, said = level.run("registry", "promote", "recommender", "2")
    assert (code, said) == (0, "recommender: champion 1 -> 2: level 2 is not up; its next start serves it\n")
    code, said = level.run("stack", "up", MLFLOW_TRACKING_URI=f"sqlite:///{level.trained('1') / 'model.json'}")
    assert code == 0, said
    assert f"serves {USUAL}, the artefact that was resolved last" in said
    assert level.version() == "2"
    assert digest(level.home / USUAL) == read_models(registry)["recommender"].version(2).artefact_sha256

    open_store(registry).point("recommender", CHAMPION, 1)  # by somebody else
    code, said = level.run("stack", "up")
    assert code == 0, said
    assert said.endswith("recommender 1: level 2 serves it, without a lost request\n")
    assert level.version() == "1"
    started = json.loads((level.home / ".run/2/started.json").read_bytes())
    assert started["settings"]["RECOMMENDER_CHAMPION_DIR"] == SPARE

    items = read_models(registry)["recommender"].version(2).folder / "items.json"
    items.write_bytes(items.read_bytes() + b" ")
    code, said = level.run("registry", "promote", "recommender", "2")
    assert code == 1, said
    assert "error: artefact of recommender 2: " in said
    assert "items.json" in said
    assert "as model.json says: the file is damaged or was replaced" in said
    assert level.version() == "1"
    assert read_models(registry)["recommender"].aliases[CHAMPION] == 1


def test_a_folder_that_was_asked_for_is_served_in_place_and_a_promotion_says_so(level: Level) -> None:
    folder = str(level.trained("2"))
    code, said = level.run("stack", "up", RECOMMENDER_MODEL=folder)
    assert code == 0, said
    assert level.version() == "2"
    code, said = level.run("registry", "promote", "recommender", "2")
    goes_on = f"recommender: champion 1 -> 2: level 2 goes on with {folder}, which it was started with\n"
    assert (code, said) == (0, goes_on)
