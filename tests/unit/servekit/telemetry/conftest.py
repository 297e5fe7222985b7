from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from servekit.telemetry import Telemetry, TelemetrySettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Watch:
    """A telemetry whose events go to one file and whose spans go to another."""

    def __init__(self, folder: Path, quiet: frozenset[str], **settings: Any) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        self.descriptor = os.open(folder / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        known = TelemetrySettings(**{"trace_file": folder / "spans", "trace_ratio": 0, "slow_ms": 60_000, **settings})
        self.telemetry = Telemetry(
            "shop", "7", known, registry=self.registry, quiet=quiet, log_descriptor=self.descriptor
        )

    def written(self) -> list[dict[str, Any]]:
        """The events that have left the buffer."""
        return _lines(self.folder / "events")

    def close(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Shuts the telemetry down; all events and all spans."""
        self.telemetry.shutdown()
        return self.written(), _lines(self.folder / "spans")

    def count(self, **labels: str) -> float:
        """How many requests were measured under these labels."""
        name = "serving_request_duration_seconds_count"
        return sum(
            sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


class MakeWatch(Protocol):
    def __call__(self, *, quiet: frozenset[str] = frozenset(), **settings: Any) -> Watch: ...


def _lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture
def make_watch(tmp_path: Path) -> Iterator[MakeWatch]:
    made: list[Watch] = []

    def make(*, quiet: frozenset[str] = frozenset(), **settings: Any) -> Watch:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Watch(folder, quiet, **settings))
        return made[-1]

    yield make
    for watch in made:
        watch.telemetry.shutdown()
        os.close(watch.descriptor)
