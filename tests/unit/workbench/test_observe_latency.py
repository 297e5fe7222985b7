"""The alert on a slow canary: how often it is right, by a simulation that agrees with Prometheus look by look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from servekit.telemetry.metrics import LATENCY_BUCKETS
from tests.prometheus_program import needs_prometheus
from tests.promtool import agree, minutes
from workbench.observe.characteristics import fires
from workbench.observe.latency_characteristics import (
    FOR_S,
    Latency,
    canary_latency,
    characteristics,
    quantile,
    simulated,
)
from workbench.verdicts import SEED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

LOOK_S = 60
ALERT = 'ALERTS{alertname="CanaryLatency",version="2",alertstate="firing"}'


@pytest.mark.slow
def test_the_alert_is_as_good_as_its_design_asks_for() -> None:
    rows = list(characteristics(SEED))
    assert [f"{row.truth}: {row.share}" for row in rows if not row.as_designed] == []


def test_a_quantile_is_interpolated_in_its_bucket() -> None:
    counted = np.zeros(len(LATENCY_BUCKETS) + 1)
    place = LATENCY_BUCKETS.index(0.025)
    counted[place - 1 : place + 1] = 50, 50
    assert quantile(counted, 0.75) == pytest.approx((0.01 + 0.025) / 2)
    assert quantile(counted, 0.5) == pytest.approx(0.01)
    assert np.isnan(quantile(np.zeros(3), 0.5))


@pytest.mark.slow
@needs_prometheus
def test_prometheus_says_the_same_at_every_look(tmp_path: Path) -> None:
    rng, usual, slower = np.random.default_rng(7), Latency(0.005), Latency(0.02)
    stable = simulated(rng, [usual] * 150, 5, LOOK_S, runs=1)
    canary = simulated(rng, [usual] * 30 + [slower] * 60 + [usual] * 60, 2, LOOK_S, runs=1)
    fired = fires(canary_latency(stable, canary, LOOK_S), FOR_S // LOOK_S)[0]
    assert (fired[:30].any(), fired[60:85].all(), fired[110:].any()) == (False, True, False)
    series = [*_series("1", stable[0]), *_series("2", canary[0])]
    agree(tmp_path, ["recording", "models"], series, {ALERT: fired})


def _series(version: str, counted: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
    about = f'level="3",endpoint="/v1/search",model="ranking",version="{version}"'
    below = np.cumsum(counted, axis=1)
    bounds = [*map(str, LATENCY_BUCKETS), "+Inf"]
    for bound, counts in zip(bounds, below.T, strict=True):
        yield minutes(f'serving_request_duration_seconds_bucket{{{about},code="200",le="{bound}"}}', counts)
    yield minutes(f'serving_requests_total{{{about},result="answered"}}', below[:, -1])
