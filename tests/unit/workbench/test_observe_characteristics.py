"""The alerts on failures: how often they are right, by a simulation that agrees with Prometheus look by look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.prometheus_program import needs_prometheus
from tests.promtool import agree, minutes
from workbench.observe.characteristics import (
    PAGES,
    Traffic,
    burns,
    canary_errors,
    characteristics,
    fires,
    simulated,
)
from workbench.observe.objectives import CANARY_ERRORS
from workbench.verdicts import SEED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


LOOK_S = 60
WORSE = np.r_[np.full(30, 0.01), np.full(60, 0.25), np.full(60, 0.01)]
"""Of a canary's requests in 2.5 hours: for an hour a quarter fails."""


@pytest.mark.slow
def test_each_alert_is_as_good_as_its_design_asks_for() -> None:
    rows = list(characteristics(SEED))
    assert [f"{row.verdict}, {row.truth}: {row.share}" for row in rows if not row.as_designed] == []
    assert {row.verdict for row in rows} == {"alert CanaryErrors", "alert ErrorBudgetBurn"}


def test_one_failure_in_34_requests_burns_no_budget() -> None:
    served = Traffic(np.arange(1.0, 35.0)[None], np.r_[np.zeros(20), np.ones(14)][None])
    assert served.share[0, -1] > 14.4 * 0.001
    assert not any(burns(served, burn, LOOK_S).any() for burn in PAGES.values())


CANARIES: dict[str, tuple[NDArray[np.float64], float]] = {
    "as good as the stable version, at the same rate": (np.full(150, 0.01), 0.5),
    "worse for an hour": (WORSE, 0.3),
    "worse for an hour, at the same rate": (WORSE, 0.5),
}
"""Of its requests, those that fail, minute by minute; requests a second, beside a stable version's 0.5."""


@pytest.mark.slow
@needs_prometheus
@pytest.mark.parametrize("name", CANARIES)
def test_prometheus_says_the_same_of_a_canary_at_every_look(tmp_path: Path, name: str) -> None:
    stable, canary = versions(*CANARIES[name])
    alert = 'ALERTS{alertname="CanaryErrors",version="2",alertstate="firing"}'
    series = [*_series("1", stable), *_series("2", canary)]
    agree(tmp_path, ["objectives", "recording", "models"], series, {alert: canary_fires(stable, canary)})


@pytest.mark.slow
@needs_prometheus
def test_prometheus_says_the_same_of_the_budget_at_every_look(tmp_path: Path) -> None:
    shares = np.r_[np.full(60, 0.001), np.full(60, 0.05), np.full(60, 0.001), np.full(120, 0.02)]
    served = simulated(np.random.default_rng(7), 0.1, shares, LOOK_S, 1)
    alert = 'ALERTS{{alertname="ErrorBudgetBurn",window="{}",alertstate="firing"}}'
    expected = {alert.format(name): burns(served, burn, LOOK_S)[0] for name, burn in PAGES.items()}
    assert [sorted(set(fired.tolist())) for fired in expected.values()] == [[False, True], [False, True]]
    agree(tmp_path, ["objectives", "slo"], list(_series("1", served)), expected)


def test_a_canary_that_is_worse_for_an_hour_is_paged_for_while_it_is() -> None:
    fired = canary_fires(*versions(*CANARIES["worse for an hour"]))
    assert not fired[:30].any()
    assert fired[45:90].all()
    assert fired[100:].mean() < 0.1


def versions(shares: NDArray[np.float64], rate: float) -> tuple[Traffic, Traffic]:
    """A stable version that fails 1 % of 0.5 requests a second, and a canary, over 2.5 hours."""
    rng = np.random.default_rng(7)
    return simulated(rng, 0.5, np.full(150, 0.01), LOOK_S, 1), simulated(rng, rate, shares, LOOK_S, 1)


def canary_fires(stable: Traffic, canary: Traffic) -> NDArray[np.bool_]:
    fired: NDArray[np.bool_] = fires(canary_errors(stable, canary, LOOK_S), CANARY_ERRORS.for_s // LOOK_S)[0]
    return fired


def _series(version: str, counted: Traffic) -> Iterator[dict[str, Any]]:
    about = f'level="3",endpoint="/v1/search",model="ranking",version="{version}"'
    answered = counted.requests - counted.failures
    for result, counts in (("answered", answered), ("failed", counted.failures)):
        yield minutes(f'serving_requests_total{{{about},result="{result}"}}', counts[0])
