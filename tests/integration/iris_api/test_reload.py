"""A model is replaced while requests go on: none is lost, and a model that cannot be served replaces nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import GENEROUS_S, async_until, until
from workbench.registry.artefact import put

if TYPE_CHECKING:
    from pathlib import Path

    from tests.iris_process import IrisServer, StartIris

FLOWER = {"sepal_length_cm": 5.9, "sepal_width_cm": 3.0, "petal_length_cm": 4.9, "petal_width_cm": 1.7}
CALLERS = 6


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model, which is less sure of each flower."""
    from iris_api.training.artefact import write_model  # noqa: PLC0415 - scikit-learn is for those who ask for it

    folder = tmp_path_factory.mktemp("other") / "1"
    write_model(folder, c=0.01)
    return folder


@pytest.fixture
def served(model_dir: Path, tmp_path: Path) -> Path:
    """The folder that is served, which the tests change."""
    return shutil.copytree(model_dir, tmp_path / "served" / "1")


@pytest.fixture
def start(start_iris: StartIris, served: Path, tmp_path: Path) -> StartIris:
    def start(**environment: str) -> IrisServer:
        settings = {"IRIS_MODEL_DIR": str(served), "IRIS_RUN_DIR": str(tmp_path / "metrics")}
        return start_iris(**settings, **environment).wait_ready()

    return start


def loaded(server: IrisServer) -> dict[str, float]:
    """Each artefact that the server's metrics name, and whether it is loaded."""
    text = httpx.get(f"{server.url}/metrics", timeout=GENEROUS_S).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return {sample.labels["sha256"]: sample.value for sample in families["serving_model_info"].samples}


def sha256(folder: Path) -> str:
    found: str = json.loads((folder / "model.json").read_bytes())["sha256"]
    return found


async def ask(server: IrisServer, answers: list[tuple[int, Any]], enough: asyncio.Event) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=GENEROUS_S) as http:
        while not enough.is_set():
            answer = await http.post("/v1/predict", json=FLOWER)
            answers.append((answer.status_code, answer.json()["predictions"][0]["probabilities"]))


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
async def test_no_request_is_lost_while_the_model_is_replaced(
    start: StartIris, served: Path, model_dir: Path, other: Path, workers: str
) -> None:
    server = await asyncio.to_thread(start, IRIS_WORKERS=workers)
    answers: list[tuple[int, Any]] = []
    enough = asyncio.Event()
    load = asyncio.gather(*(ask(server, answers, enough) for _ in range(CALLERS)))
    await async_until(lambda: len(answers) > 100)
    put(other, served)
    server.process.send_signal(signal.SIGUSR1)
    replaced = {sha256(model_dir): 0.0, sha256(other): 1.0}
    await async_until(lambda: asyncio.to_thread(lambda: loaded(server) == replaced))
    since = len(answers)
    await async_until(lambda: len(answers) > since + 100)
    enough.set()
    await load  # raises where a connection broke
    assert {status for status, _ in answers} == {200}
    before, after = answers[0][1], answers[-1][1]
    assert before != after
    assert {json.dumps(probabilities) for _, probabilities in answers} == {json.dumps(before), json.dumps(after)}
    assert await asyncio.to_thread(server.stop) == 0


def test_drift_is_measured_against_the_new_model_from_an_empty_window(
    start: StartIris, served: Path, other: Path
) -> None:
    server = start()
    httpx.post(f"{server.url}/v1/predict", json=[FLOWER] * 300)
    rows = 'serving_drift_window_rows{model="iris",version="1",window="short"}'
    assert f"{rows} 300.0" in httpx.get(f"{server.url}/metrics").text
    put(other, served)
    server.process.send_signal(signal.SIGUSR1)
    until(lambda: loaded(server).get(sha256(other)) == 1)
    assert f"{rows} 0.0" in httpx.get(f"{server.url}/metrics").text


def damaged(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"other")


def another_version(folder: Path) -> None:
    card = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps(card | {"version": "2"}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damaged, "as model.json says: the file is damaged or was replaced: run make train-1"),
        (shutil.rmtree, "model.json: No such file or directory: run make train-1"),
        (another_version, "iris 2: expected iris 1 with the same tensors"),
    ],
)
def test_a_model_that_cannot_be_served_replaces_nothing(
    start: StartIris, served: Path, model_dir: Path, damage: Any, reason: str
) -> None:
    server = start()
    damage(served)
    server.process.send_signal(signal.SIGUSR1)
    until(lambda: "the model is not replaced" in server.stdout + server.stderr)
    assert reason in server.stdout + server.stderr
    assert httpx.post(f"{server.url}/v1/predict", json=FLOWER).status_code == httpx.codes.OK
    assert loaded(server) == {sha256(model_dir): 1.0}
