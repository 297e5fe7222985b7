from __future__ import annotations

from math import inf

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from servekit.drift import DriftCollector, DriftMonitor, ReferenceProfile

REFERENCE = np.random.default_rng(0).normal(size=(1000, 2))
MODEL = {"model": "pair", "version": "7"}


@pytest.fixture
def monitor() -> DriftMonitor:
    names = ["left", "right"]
    return DriftMonitor(ReferenceProfile.of(REFERENCE, REFERENCE[:, 0], model="pair", version="7", feature_names=names))


@pytest.fixture
def registry(monitor: DriftMonitor) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(DriftCollector([monitor]))
    return registry


def test_an_empty_window_exports_its_size_and_no_statistics(registry: CollectorRegistry) -> None:
    labels = MODEL | {"window": "short"}
    assert registry.get_sample_value("serving_drift_window_rows", labels) == 0
    assert registry.get_sample_value("serving_drift_window_required_rows", labels) == 250
    assert registry.get_sample_value("serving_drift_window_required_rows", labels | {"window": "long"}) == 2500
    text = generate_latest(registry)
    assert b"serving_drift_psi{" not in text
    assert b"serving_drift_smallest_shift{" not in text


def test_both_windows_say_how_many_rows_they_hold(registry: CollectorRegistry, monitor: DriftMonitor) -> None:
    rows = np.resize(REFERENCE, (5_000, 2)) + np.array([0, 3])
    monitor.observe(rows, rows[:, :1])
    short, long = monitor.reports()
    assert registry.get_sample_value("serving_drift_window_rows", MODEL | {"window": short.window}) == 500
    assert registry.get_sample_value("serving_drift_window_rows", MODEL | {"window": long.window}) == 5_000


def test_the_smallest_shift_that_a_window_can_see_is_exported(
    registry: CollectorRegistry, monitor: DriftMonitor
) -> None:
    monitor.observe(REFERENCE[:500], REFERENCE[:500, :1])
    short = MODEL | {"window": "short"}
    report = monitor.reports()[0]
    assert registry.get_sample_value("serving_drift_reference_rows", MODEL) == 1_000
    assert registry.get_sample_value("serving_drift_smallest_shift", short) == report.smallest_shift
    after = {
        each: registry.get_sample_value("serving_drift_flagged_after_rows", short | {"shift": each})
        for each in ("0.25", "1")
    }
    assert after == {"0.25": inf, "1": report.flagged_after[1.0]}


@pytest.mark.parametrize("window", [0, 1])
def test_the_gauges_of_a_window_are_its_report(registry: CollectorRegistry, monitor: DriftMonitor, window: int) -> None:
    rows = np.resize(REFERENCE, (5_000, 2)) + np.array([0, 3])
    monitor.observe(rows, rows[:, :1])
    report = monitor.reports()[window].columns[1]
    right = MODEL | {"window": monitor.reports()[window].window, "feature": "right"}
    assert registry.get_sample_value("serving_drift_psi", right) == report.psi
    assert registry.get_sample_value("serving_drift_ks", right) == report.ks
    assert registry.get_sample_value("serving_drift_threshold", right | {"statistic": "ks"}) == report.ks_threshold
    assert registry.get_sample_value("serving_drift_threshold", right | {"statistic": "psi"}) == report.psi_threshold
    assert registry.get_sample_value("serving_drift_alarm", right) == 1
    assert registry.get_sample_value("serving_drift_alarm", right | {"feature": "left"}) == 0
    assert registry.get_sample_value("serving_drift_alarm", right | {"feature": "score"}) == 0
