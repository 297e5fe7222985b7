"""Several workers on one pair of ports: they share the load and the metrics, are replaced, and leave nobody behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import GENEROUS_S, until
from workbench.processes import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.iris_process import IrisServer, StartIris

pytestmark = pytest.mark.slow

FLOWER = {"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}
REQUESTS = 40


@pytest.fixture
def start_two(start_iris: StartIris, tmp_path: Path) -> Iterator[StartIris]:
    """Starts two workers whose metrics lie in a folder of the test's; nothing of them may be left at the end."""
    servers: list[IrisServer] = []
    started: list[psutil.Process] = []

    def start(**environment: str) -> IrisServer:
        server = start_iris(IRIS_WORKERS="2", IRIS_RUN_DIR=str(tmp_path / "metrics"), **environment).wait_ready()
        servers.append(server)
        until(lambda: listeners(server) == 2)
        started.extend(workers(server))
        return server

    yield start
    for server in servers:  # one that a failed test left running
        server.stop()
    until(lambda: not any(map(is_alive, started)))
    assert not list((tmp_path / "metrics").iterdir())


def workers(server: IrisServer) -> list[psutil.Process]:
    return [child for child in psutil.Process(server.process.pid).children() if is_alive(child)]


def sockets(worker: psutil.Process, port: int, status: str) -> int:
    try:
        return sum(each.laddr.port == port and each.status == status for each in worker.net_connections("tcp4"))
    except psutil.NoSuchProcess:
        return 0


def listeners(server: IrisServer) -> int:
    return sum(sockets(worker, server.port, psutil.CONN_LISTEN) for worker in workers(server))


def every_worker_counts(server: IrisServer, expected: int) -> None:
    """Whoever answers the scrape; a worker counts an answer just after it has left."""
    until(lambda: predictions(server) == expected, f"{expected} predictions counted")
    assert {predictions(server) for _ in range(10)} == {expected}


def predictions(server: IrisServer) -> float:
    """How many predictions the metrics count, whichever worker answers the scrape."""
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics").text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "serving_request_duration_seconds_count" and sample.labels["endpoint"] == "/v1/predict"
    )


def test_workers_share_the_load_and_are_replaced(start_two: StartIris) -> None:
    server = start_two()
    with ExitStack() as held:
        clients = [held.enter_context(httpx.Client(base_url=server.url)) for _ in range(REQUESTS)]
        both = workers(server)
        connected: set[psutil.Process] = set()
        for client in clients:
            assert client.post("/v1/predict", json=FLOWER).status_code == 200
            if len(connected) < 2:  # looked at at once: an idle connection is closed after five seconds
                connected |= {each for each in both if sockets(each, server.port, psutil.CONN_ESTABLISHED)}
    assert connected == set(both)
    assert len(both) == 2
    every_worker_counts(server, REQUESTS)

    killed, kept = workers(server)
    killed.send_signal(signal.SIGKILL)
    until(lambda: listeners(server) == 2 and not is_alive(killed))
    assert kept in workers(server)
    assert killed not in workers(server)
    every_worker_counts(server, REQUESTS)
    httpx.post(f"{server.url}/v1/predict", json=FLOWER).raise_for_status()
    every_worker_counts(server, REQUESTS + 1)

    assert server.stop() == 0
    assert server.stderr == ""


def test_a_worker_that_is_told_to_reload_as_it_starts_does_so_when_it_can(
    start_iris: StartIris, tmp_path: Path
) -> None:
    server = start_iris(IRIS_WORKERS="2", IRIS_RUN_DIR=str(tmp_path / "metrics"))
    until(lambda: len(workers(server)) == 2)
    told = workers(server)
    server.process.send_signal(signal.SIGUSR1)
    until(lambda: server.stdout.count('"message":"the model is replaced: ') == 2)
    assert workers(server) == told
    assert server.stop() == 0
    assert server.stderr == ""


def test_workers_that_do_not_start_end_the_service(start_iris: StartIris, model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "model")
    (folder / "drift.json").write_text("{}")  # the parent does not read it
    server = start_iris(IRIS_WORKERS="2", IRIS_MODEL_DIR=str(folder))
    assert server.process.wait(GENEROUS_S) == 1
    *reasons, last = server.stderr.splitlines()
    assert len(reasons) >= 3
    assert all(f"{folder}/drift.json" in reason for reason in reasons)
    in_a_row = f"{len(reasons)} workers in a row ended as they started: their reasons are above"
    assert last == f"iris-api cannot start: {in_a_row}"


@pytest.mark.slow
def test_a_worker_that_cannot_be_replaced_leaves_the_others_at_work(
    start_two: StartIris, model_dir: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "model")
    server = start_two(IRIS_MODEL_DIR=str(folder))
    killed, kept = workers(server)
    model = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"damaged")
    killed.send_signal(signal.SIGKILL)
    until(lambda: server.stderr.count("model.onnx") >= 4)  # it is tried on and on, ever later
    assert kept in workers(server)
    httpx.post(f"{server.url}/v1/predict", json=FLOWER).raise_for_status()

    (folder / "model.onnx").write_bytes(model)
    until(lambda: listeners(server) == 2)
    assert kept in workers(server)
    assert server.stop() == 0


def test_a_file_that_no_worker_can_read_costs_its_own_metrics_only(start_two: StartIris, tmp_path: Path) -> None:
    server = start_two()
    httpx.post(f"{server.url}/v1/predict", json=FLOWER).raise_for_status()
    (folder,) = (tmp_path / "metrics").iterdir()
    (folder / "histogram_1.db").touch()
    every_worker_counts(server, 1)
    assert server.stop() == 0
    said = f"{folder}/histogram_1.db cannot be read"
    assert 1 <= server.stdout.count(f'"message":"metrics of a worker are left out: {said}') <= 2  # each worker once


def test_workers_end_when_their_parent_is_killed(start_two: StartIris, tmp_path: Path) -> None:
    server = start_two(IRIS_DRAIN_S="0")
    orphans = workers(server)
    server.process.kill()
    until(lambda: not any(map(is_alive, orphans)))
    for left in (tmp_path / "metrics").iterdir():
        shutil.rmtree(left)


def test_a_worker_whose_parent_ended_before_it_was_up_ends(start_iris: StartIris) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as parent:
        parent.wait()
    server = start_iris(IRIS_WORKER_OF=str(parent.pid), IRIS_DRAIN_S="0")
    until(lambda: server.process.poll() is not None)
    assert server.process.returncode == 0
