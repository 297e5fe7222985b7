from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from assistant.bootstrap import build_assistant
from assistant.settings import AssistantSettings, socket_path
from servekit.errors import NotReadyError
from servekit.telemetry import TelemetrySettings
from shop.addresses import Addresses
from tests.patience import async_until
from tests.scripted_batch import ScriptedBatch, running_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from assistant.entrypoints.app import AssistantReady


@pytest.fixture
def batch() -> ScriptedBatch:
    return ScriptedBatch()


@pytest.fixture
def limits() -> dict[str, Any]:
    """Settings that a test changes, by overriding this fixture or in its parameters."""
    return {}


@pytest.fixture
async def app(batch: ScriptedBatch, limits: dict[str, Any], tmp_path: Path) -> AsyncIterator[Any]:
    """The application, connected to an engine without a model."""
    addresses = Addresses(run_dir=tmp_path, features_port=1)
    path = socket_path(tmp_path)
    path.parent.mkdir()
    settings = AssistantSettings(heartbeat_s=0.02, **limits)
    observed = TelemetrySettings(trace_file=tmp_path / "traces.jsonl", trace_ratio=1)
    built = build_assistant(settings, addresses, observed, registry=CollectorRegistry(), log_descriptor=2)
    with running_engine(path, batch):
        built.app._start()
        await async_until(lambda: is_ready(built.ready), "warm")
        batch.asked.clear()
        batch.said = 0
        yield built.app
        await built.app._close()


def is_ready(ready: AssistantReady) -> bool:
    with suppress(NotReadyError):
        ready.check()
        return True
    return False
