"""A real level 1 under load and, where it is on PATH, a real Prometheus that scrapes it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.patience import GENEROUS_S, until
from tests.ports import free_ports
from tests.prometheus_process import scraping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLOWER = {"sepal_length_cm": 5.123454321, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}
TENSOR = {"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [6.123454321, 3.3, 6.0, 2.5]}


@dataclass(frozen=True)
class Level:
    """A running level: where it answers, and its ``.run/1``."""

    url: str
    run_dir: Path


@pytest.fixture(scope="package")
def level(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Level]:
    """Level 1 on free ports, with requests coming in all the time; every trace is kept."""
    run_dir = tmp_path_factory.mktemp("level") / ".run" / "1"
    (run_dir / "logs").mkdir(parents=True)
    http, grpc = free_ports(2)
    environment = {
        "IRIS_PORT": str(http), "IRIS_GRPC_PORT": str(grpc), "IRIS_MODEL_DIR": str(model_dir),
        "IRIS_DRAIN_S": "0", "TELEMETRY_TRACE_FILE": str(run_dir / "traces.jsonl"), "TELEMETRY_TRACE_RATIO": "1",
        "AUDIT_DIR": str(run_dir / "audit"),
    }  # fmt: skip
    url = f"http://127.0.0.1:{http}"
    with running([sys.executable, "-m", "iris_api"], run_dir / "logs" / "iris-api.log", environment):
        until(lambda: answers(f"{url}/readyz"), f"{url}/readyz")
        with load(url):
            yield Level(url, run_dir)


@pytest.fixture(scope="package")
def prometheus(level: Level, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus with the real rules that scrapes and evaluates every second."""
    (port,) = free_ports(1)
    with scraping(
        tmp_path_factory.mktemp("prometheus"), port, {"iris-api": [level.url.removeprefix("http://")]}
    ) as url:
        yield url


@contextmanager
def running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment}, cwd=log.parent)
        try:
            yield
        finally:
            process.terminate()
            process.wait(GENEROUS_S)


@contextmanager
def load(url: str) -> Iterator[None]:
    """Single flowers, a batch, tensors, and mistakes, about fifty requests a second."""
    stop = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=url, timeout=GENEROUS_S, trust_env=False) as client:
            while not stop.wait(0.08):
                client.post("/v1/predict", json=FLOWER)
                client.post("/v1/predict", json=[FLOWER] * 100)
                client.post("/v2/models/iris/infer", json={"inputs": [TENSOR]})
                client.post("/v1/predict", json={"sepal_length_cm": "long"})

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def free_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="package")
def level_run(level: Level) -> Path:
    """The ``.run/1`` of the running level once it has written logs and traces of predictions."""
    logs, traces = level.run_dir / "logs" / "iris-api.log", level.run_dir / "traces.jsonl"
    until(lambda: logs.read_text().count("/v1/predict 200") > 20, f"{logs}: predictions")
    until(lambda: traces.exists() and "/v1/predict" in traces.read_text(), f"{traces}: predictions")
    return level.run_dir
