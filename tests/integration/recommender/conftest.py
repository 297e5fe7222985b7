from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry

from graph_router.adapters.deployment_yaml import read_deployment
from graph_router.entrypoints.router import build
from graph_router.settings import RouterSettings
from servekit.telemetry import TelemetrySettings
from tests.integration.recommender.microservice import (
    FeedbackFile,
    Letters,
    Routed,
    RouterProcess,
    answers,
    deployment,
    started,
)
from tests.patience import until
from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> FeedbackFile:
    """The file of this session's letters."""
    return FeedbackFile(tmp_path_factory.mktemp("feedback") / "feedback.txt")


@pytest.fixture(scope="session")
def letters(tmp_path_factory: pytest.TempPathFactory, feedback: FeedbackFile) -> Iterator[Letters]:
    """Two components, a and b, that write down what they are asked."""
    folder = tmp_path_factory.mktemp("letters")
    with ExitStack() as stack:
        environment = {"FEEDBACK_FILE": str(feedback.path)}
        a, b = (stack.enter_context(started(name, folder / f"{name}.log", environment)) for name in "ab")
        yield a, b


@pytest.fixture
async def routed() -> AsyncIterator[Routed]:
    """Gives a client of a router that serves a document."""
    apps: list[Any] = []

    def route(document: dict[str, Any], **settings: Any) -> httpx.AsyncClient:
        registry = CollectorRegistry()
        app, _ = build(read_deployment(document), RouterSettings(**settings), TelemetrySettings(), registry=registry)
        apps.append(app)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router", timeout=30)

    yield route
    for app in apps:
        await app._app._close()


@pytest.fixture
def router(letters: Letters, tmp_path: Path) -> Iterator[RouterProcess]:
    """``python -m graph_router``, which asks a and then b."""
    a, b = letters
    graph = tmp_path / "graph.yaml"
    predictor = {"name": "default", "graph": a.unit("TRANSFORMER", b.unit("MODEL"))}
    graph.write_text(yaml.safe_dump(deployment(predictor)))
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "graph_router", "--port", str(port), "--graph", str(graph)]
    command += ["--drain-s", "1200", "--drain-timeout-s", "1200"]  # it drains until a test has seen it, however slowly
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            found = RouterProcess(process, port, graph)
            until(lambda: answers(f"{found.url}/ready"))
            yield found
        finally:
            process.kill()
