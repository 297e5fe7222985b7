"""Real ``seldon-core-microservice`` processes on free ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.patience import GENEROUS_S, until
from tests.ports import free_ports

ROOT = Path(__file__).parents[3]
SELDON = ROOT / ".venvs" / "seldon" / "bin" / "seldon-core-microservice"
UNITS = Path(__file__).parent / "units"


@dataclass
class Microservice:
    """One that runs."""

    name: str
    http_port: int
    grpc_port: int
    metrics_port: int
    process: subprocess.Popen[bytes]

    def endpoint(self, kind: str = "REST") -> dict[str, Any]:
        """As a graph's unit has it."""
        ports = {"httpPort": self.http_port, "grpcPort": self.grpc_port}
        return {"service_host": "127.0.0.1", "type": kind, **ports}

    def unit(self, kind: str, *children: dict[str, Any], name: str = "", over: str = "REST") -> dict[str, Any]:
        """A unit of a graph that this process answers for."""
        return {
            "name": name or self.name,
            "type": kind,
            "endpoint": self.endpoint(over),
            "children": list(children),
        }


@dataclass
class RouterProcess:
    """A running ``python -m graph_router``, and the file with its deployment."""

    process: subprocess.Popen[str]
    port: int
    graph: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answers(url: str) -> bool:
    """Whether it answers well."""
    try:
        return httpx.get(url, timeout=GENEROUS_S).is_success
    except httpx.TransportError:
        return False


Letters = tuple[Microservice, Microservice]
Routed = Callable[..., httpx.AsyncClient]


@dataclass
class FeedbackFile:
    """Where the letters write feedback down: who got it, and the reward."""

    path: Path

    def clear(self) -> None:
        """Forget what was written."""
        self.path.write_text("")

    def lines(self) -> list[str]:
        """What was written, by reward, then name."""
        return sorted(self.path.read_text().splitlines(), key=lambda line: line.split()[::-1])

    @contextmanager
    def held(self, number: int) -> Iterator[Callable[[], None]]:
        """Letters told ``hold=NUMBER`` answer when what it gives is called, and at the latest after the block.

        Each test that holds one has a number of its own.
        """
        mark = self.path.with_name(f"{self.path.name}.{number}")
        try:
            yield mark.touch
        finally:
            mark.touch()


def deployment(*predictors: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A SeldonDeployment's document, whose steps have time on a busy machine."""
    time_ms = f"{GENEROUS_S * 1e3:.0f}"
    patient = {"seldon.io/rest-timeout": time_ms, "seldon.io/grpc-timeout": time_ms}
    spec["annotations"] = patient | spec.get("annotations", {})
    return {"kind": "SeldonDeployment", "metadata": {"name": "test"}, "spec": {"predictors": list(predictors), **spec}}


@contextmanager
def started(
    name: str, log: Path, environment: Mapping[str, str], module: str = "Letter", ports: list[int] | None = None
) -> Iterator[Microservice]:
    """A component that runs until the end of the block."""
    http, grpc, metrics = ports or free_ports(3)
    command = [
        str(SELDON), module, "--service-type", "MODEL", "--http-port", str(http), "--grpc-port", str(grpc),
        "--metrics-port", str(metrics), "--threads", "4", "--grpc-threads", "4",
        "--parameters", json.dumps([{"name": "name", "value": name, "type": "STRING"}]),
    ]  # fmt: skip
    variables = {**os.environ, "PYTHONPATH": str(UNITS), **environment}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env=variables, cwd=log.parent, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        until(lambda: _is_ready(process, http, grpc, log), log.read_text)
        yield Microservice(name, http, grpc, metrics, process)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a component and the workers it forked."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_ready(process: subprocess.Popen[bytes], http: int, grpc: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        httpx.get(f"http://127.0.0.1:{http}/health/ping").raise_for_status()
        socket.create_connection(("127.0.0.1", grpc)).close()
    except (httpx.HTTPError, OSError):
        return False
    return True
