from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from recommender.adapters.deployment_yaml import read_deployment
from recommender.entrypoints.router import create_app
from recommender.settings import RouterSettings
from servekit.telemetry import TelemetrySettings

sys.path.append(str(Path(__file__).parent))
from microservice import Microservice, started  # noqa: E402 - tests are modules, not packages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(scope="session")
def feedback_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the letters write feedback down."""
    return tmp_path_factory.mktemp("feedback") / "feedback.txt"


@pytest.fixture(scope="session")
def letters(tmp_path_factory: pytest.TempPathFactory, feedback_file: Path) -> Iterator[tuple[Microservice, ...]]:
    """Two components, a and b, that write down what they are asked."""
    folder = tmp_path_factory.mktemp("letters")
    with ExitStack() as stack:
        environment = {"FEEDBACK_FILE": str(feedback_file)}
        yield tuple(stack.enter_context(started(name, folder / f"{name}.log", environment)) for name in "ab")


def deployment(*predictors: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A SeldonDeployment's document."""
    return {"kind": "SeldonDeployment", "metadata": {"name": "test"}, "spec": {"predictors": list(predictors), **spec}}


@pytest.fixture
async def routed() -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Gives a client of a router that serves a document."""
    apps = []

    def route(document: dict[str, Any], **settings: Any) -> httpx.AsyncClient:
        registry = CollectorRegistry()
        app = create_app(
            read_deployment(document), RouterSettings(**settings), TelemetrySettings(), registry=registry
        )
        apps.append(app)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router", timeout=30)

    yield route
    for app in apps:
        await app._app._close()
