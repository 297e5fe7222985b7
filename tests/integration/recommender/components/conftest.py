"""The trained artefacts, an inventory server, and the three components as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
import redis

from graph_router.adapters import prediction_pb2 as pb
from servekit.valkey import valkey_command
from tests.patience import until
from tests.ports import free_block, free_ports
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = ROOT / ".venvs/seldon/bin/python"
METHODS = {
    "transform-input": "/seldon.protos.Transformer/TransformInput",
    "predict": "/seldon.protos.Model/Predict",
    "transform-output": "/seldon.protos.OutputTransformer/TransformOutput",
}


@dataclass
class Server:
    """Valkey on a port of its own; it can be stopped and started again, and then still knows what it knew."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(valkey_command(self.port, self.folder), stdout=log, stderr=log)
        until(self._answers, "answering")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@dataclass
class Component:
    """A component that runs under Seldon's wrapper: its path, and where it listens."""

    path: str
    ports: list[int]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def rest(self, message: object) -> httpx.Response:
        return httpx.post(f"{self.url}/{self.path}", json=message, timeout=30)

    def grpc(self, message: pb.SeldonMessage) -> pb.SeldonMessage:
        with grpc.insecure_channel(f"127.0.0.1:{self.ports[1]}") as channel:
            call = channel.unary_unary(
                METHODS[self.path],
                request_serializer=pb.SeldonMessage.SerializeToString,
                response_deserializer=pb.SeldonMessage.FromString,
            )
            answer: pb.SeldonMessage = call(message, timeout=30)
            return answer


@pytest.fixture(scope="package")
def models(recommender_models: Path) -> Path:
    """The real artefacts."""
    return recommender_models


@pytest.fixture(scope="package")
def golden(models: Path) -> dict[str, Any]:
    """Every user's best items, as NumPy computed them."""
    users: dict[str, Any] = json.loads((models / "1" / "golden.json").read_text())["users"]
    return users


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Server]:
    """An empty inventory of a test's own."""
    server = Server(free_ports(1)[0], tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The inventory that the components ask."""
    server = Server(free_ports(1)[0], tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def components(
    models: Path, inventory: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Component]]:
    """All three, ready."""
    folder = tmp_path_factory.mktemp("components")
    paths = {"preprocessor": "transform-input", "model": "predict", "postprocessor": "transform-output"}
    environment = {
        "RECOMMENDER_MODEL_DIR": str(models / "1"),
        "RECOMMENDER_INVENTORY_URL": inventory.url,
        "RECOMMENDER_INVENTORY_TIMEOUT_S": "10",  # the machine may be busy, and the inventory slow to answer
        "RECOMMENDER_SNAPSHOT_S": "10",
    }
    with ExitStack() as stack:
        running = {}
        for name, path in paths.items():
            first = free_block(3)
            component = Component(path, list(range(first, first + 3)), folder / f"{name}.log")
            stack.enter_context(_process(name, component, environment))
            running[path] = component
        for component in running.values():
            until(lambda each=component: _is_ready(each), component.log.read_text)  # type: ignore[misc]  # bound now
        yield running


@contextmanager
def _process(name: str, component: Component, environment: dict[str, str]) -> Iterator[None]:
    http, rpc, metrics = map(str, component.ports)
    command = [
        str(PYTHON), "-m", "recommender.entrypoints.components", name, "--http-port", http,
        "--grpc-port", rpc, "--metrics-port", metrics, "--threads", "2",
    ]  # fmt: skip
    with component.log.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):  # told all at once, the wrapper's processes may wait for each other
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(component: Component) -> bool:
    try:
        httpx.get(f"{component.url}/health/status").raise_for_status()
        with grpc.insecure_channel(f"127.0.0.1:{component.ports[1]}") as channel:
            grpc.channel_ready_future(channel).result(timeout=5)
    except (httpx.HTTPError, grpc.FutureTimeoutError):
        return False
    return True
