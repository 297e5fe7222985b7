from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console

from servekit.drift import DriftCollector, DriftMonitor, ReferenceProfile
from workbench.drift.terminal import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFERENCE = np.random.default_rng(0).normal(size=(1000, 2))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def url(registry: CollectorRegistry) -> Iterator[str]:
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def monitor(registry: CollectorRegistry) -> DriftMonitor:
    profile = ReferenceProfile.of(REFERENCE, REFERENCE[:, 0], model="pair", version="7", feature_names=["a", "b"])
    monitor = DriftMonitor(profile)
    registry.register(DriftCollector([monitor]))
    return monitor


def verdict(*arguments: str) -> tuple[int, str]:
    text = StringIO()
    return main(list(arguments), Console(file=text, width=200)), text.getvalue()


def test_quiet_traffic_exits_zero(monitor: DriftMonitor, url: str) -> None:
    monitor.observe(REFERENCE[:500], REFERENCE[:500, :1])
    status, text = verdict(url)
    assert status == 0
    assert "pair 7: the last 500 rows against the training data" in text
    assert text.count("quiet") == 3
    assert re.search(r"pair 7: no drift; a shift of 0\.\d\d sd over all its rows would show 9 times in 10, a sm", text)


def test_drift_exits_one_and_names_the_features(monitor: DriftMonitor, url: str) -> None:
    monitor.observe(REFERENCE[:500] + np.array([0, 2]), REFERENCE[:500, :1])
    status, text = verdict(url)
    assert status == 1
    assert text.count("DRIFT") == 1
    assert text.endswith("drift: pair 7: b\n")


@pytest.mark.usefixtures("monitor")
def test_a_young_server_is_quiet_and_says_how_much_is_missing(url: str) -> None:
    status, text = verdict(url)
    assert status == 0
    assert "0 of the 250 rows that a verdict needs" in text
    assert "0 of the 2500 rows that a verdict needs" in text
    assert text.endswith("pair 7: no verdict yet\n")


def test_the_verdict_says_what_it_can_see(url: str, registry: CollectorRegistry) -> None:
    rows = np.random.default_rng(1).normal(size=(500, 4))
    profile = ReferenceProfile.of(
        rows[:150], rows[:150, :3], model="m", version="1", feature_names=list("abcd"), score_names=list("xyz")
    )
    monitor = DriftMonitor(profile)
    registry.register(DriftCollector([monitor]))
    monitor.observe(rows, rows[:, :3])
    status, text = verdict(url)
    assert status == 0
    assert (
        "Against 150 rows of training data, 9 in 10 shifts of a normal feature are flagged after so many rows:" in text
    )
    assert re.search(r"^0\.5 sd +not reliably +not reliably$", text, re.MULTILINE)
    assert re.search(r"^1 sd +450 +4,000$", text, re.MULTILINE)
    assert text.endswith(
        "m 1: no drift; a shift of 0.82 sd over all its rows would show 9 times in 10, a smaller one may not\n"
    )


def test_what_both_windows_see_is_said_once(monitor: DriftMonitor, url: str) -> None:
    rows = np.resize(REFERENCE, (5_000, 2)) + np.array([0, 2])
    monitor.observe(rows, rows[:, :1])
    status, text = verdict(url)
    assert status == 1
    assert "pair 7: the last 5000 rows against the training data" in text
    assert text.count("DRIFT") == 2
    assert text.endswith("drift: pair 7: b\n")


def test_a_verdict_is_kept_with_its_moment(monitor: DriftMonitor, url: str, tmp_path: Path) -> None:
    kept = tmp_path / "drift" / "1.json"
    said: list[dict[str, Any]] = []
    for rows in (REFERENCE[:10], REFERENCE[:500], REFERENCE[:500] + np.array([0, 2])):
        monitor.observe(rows, REFERENCE[: len(rows), :1])
        main([url], Console(file=StringIO()), kept=kept)
        said.append(json.loads(kept.read_bytes()))
    assert [each["verdict"] for each in said] == ["no verdict", "quiet", "alarm"]
    assert [each["drifted"] for each in said] == [{"pair 7": []}, {"pair 7": []}, {"pair 7": ["b"]}]
    assert {each["target"] for each in said} == {url}
    assert all(datetime.fromisoformat(each["date"]).tzinfo for each in said)


def test_a_version_that_stands_by_has_no_say(registry: CollectorRegistry, url: str, tmp_path: Path) -> None:
    serving, standing_by = (
        DriftMonitor(
            ReferenceProfile.of(REFERENCE, REFERENCE[:, 0], model="pair", version=version, feature_names=["a", "b"])
        )
        for version in "78"
    )
    registry.register(DriftCollector([serving, standing_by]))
    said = []
    for rows in (0, 500):
        serving.observe(REFERENCE[:rows], REFERENCE[:rows, :1])
        text = StringIO()
        main([url], Console(file=text, width=200), kept=tmp_path / "3.json")
        said.append((json.loads((tmp_path / "3.json").read_bytes())["verdict"], text.getvalue().splitlines()[-1]))
    assert said == [
        ("no verdict", "pair 8: no verdict yet"),
        ("quiet", "pair 8: stands by, was asked nothing yet"),
    ]


def test_a_server_without_drift_gauges_exits_two(url: str) -> None:
    assert verdict(url) == (2, f"{url}: no serving_drift_* gauges; does the server monitor drift?\n")


def test_an_unreachable_server_and_a_wrong_call_exit_two() -> None:
    status, text = verdict("http://127.0.0.1:1/metrics")
    assert status == 2
    assert "refused" in text
    assert "is the server up?" in text
    assert verdict()[0] == verdict("file:///etc/hostname")[0] == 2


def test_the_command_exits_with_the_verdict(monitor: DriftMonitor, url: str) -> None:
    monitor.observe(REFERENCE[:500] + 2, REFERENCE[:500, :1])
    command = [sys.executable, "-m", "workbench.drift", url]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 1
    assert "drift: pair 7: a, pair 7: b" in finished.stdout
