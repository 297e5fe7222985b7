"""The wait in closed form against simulations that know nothing of it, first of all where work varies much."""

from __future__ import annotations

import numpy as np
import pytest

from planner import characteristics
from planner.closed_form import on_a_fleet
from planner.distribution import Grid, ServiceTime
from planner.request_path import RequestPath, Visit, mean_and_scv
from planner.simulation import FleetShape, Scenario, simulate_fleet
from servekit.errors import InvalidValueError
from tests.unit.planner.allen_cunneen import wait
from workbench.verdicts import SEED

MS = 1e-3
KINDS = {"payments": MS, "search": 3 * MS}


def simulated_p99_ms(shape: str, scv: float, utilisation: float) -> float:
    """Of the wait, in service times of 1 ms."""
    random = np.random.default_rng(7)
    work = characteristics.SHAPES[shape](scv, 2_000_000, random)
    waits, _ = characteristics.simulate(work, utilisation, random)
    return float(np.quantile(waits, 0.99))


@pytest.mark.parametrize(
    ("utilisation", "scv", "exponential_ms", "true_ms"), [(0.3, 4.0, 12.2, 16.0), (0.7, 10.0, 77.9, 95.4)]
)
def test_work_that_varies_within_a_kind_waits_longer_than_an_exponential_tail_says(
    utilisation: float, scv: float, exponential_ms: float, true_ms: float
) -> None:
    assert wait(1, utilisation, 1.0, scv).quantile(0.99) == pytest.approx(exponential_ms, abs=0.06)
    simulated = simulated_p99_ms("two kinds", scv, utilisation)
    assert simulated == pytest.approx(true_ms, rel=0.06)
    closed = Grid.of_service([ServiceTime(1, MS, scv)]).wait(1, utilisation).quantiles([0.99])[0] / MS
    assert closed == pytest.approx(simulated, rel=0.06)


@pytest.mark.parametrize("shape", characteristics.SHAPES)
@pytest.mark.parametrize("scv", [0.25, 1.0])
def test_up_to_exponential_variation_two_moments_say_enough(shape: str, scv: float) -> None:
    random = np.random.default_rng(7)
    _, whole = characteristics.simulate(characteristics.SHAPES[shape](scv, 500_000, random) * MS, 0.6, random)
    assert characteristics.closed_form_p99_s(0.6, scv) == pytest.approx(float(np.quantile(whole, 0.99)), rel=0.12)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (2, 1.6), (8, 7.2)])
def test_the_wait_of_exponential_work_is_exact(servers: int, load: float) -> None:
    found = Grid.of_service([ServiceTime(1, MS, 1.0)]).wait(servers, load)
    shares = [0.5, 0.9, 0.99, 0.999]
    exact = [wait(servers, load, MS, 1.0).quantile(share) for share in shares]
    assert found.quantiles(shares) == pytest.approx(exact, abs=3e-5)


def test_constant_work_shorter_than_the_grid_s_steps_waits_its_part() -> None:
    found = Grid.of_service([ServiceTime(1, 28e-6)]).wait(1, 0.7)
    longer = Grid.of_service([ServiceTime(1, 28e-4)]).wait(1, 0.7)
    assert found.quantiles([0.99])[0] * 100 == pytest.approx(longer.quantiles([0.99])[0], rel=0.25)


def test_where_the_wait_is_longer_than_the_grid_it_is_exponential() -> None:
    found = Grid.of_service([ServiceTime(1, 10 * MS, 4.0)]).wait(1, 0.95)
    assert found.quantiles([0.3])[0] == pytest.approx(wait(1, 0.95, 10 * MS, 4.0).quantile(0.3), rel=0.01)


def test_a_server_that_cannot_keep_up_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"^load 1.2: expected from 0 to below the number of servers, 1$"):
        Grid.of_service([ServiceTime(1, MS)]).wait(1, 1.2)


def test_variation_within_kinds_adds_to_that_between_them() -> None:
    kinds = [
        RequestPath(kind, "miss", 0.5, (Visit("triton", cpu_s, 1.0),), (), (0.0, 0.0)) for kind, cpu_s in KINDS.items()
    ]
    ((_, mean_s, scv),) = mean_and_scv(kinds).values()
    assert mean_s == pytest.approx(2 * MS)
    assert scv == pytest.approx(2 * (1**2 + 3**2) / 2 / 2**2 - 1)


def test_a_fleet_whose_work_varies_is_as_slow_as_its_simulation_with_work_of_another_shape() -> None:
    found = [
        RequestPath("search", "miss", 1.0, (Visit("gateway", MS, 0.8), Visit("triton", 4 * MS, 0.8)), (), (MS, MS))
    ]
    answers = simulate_fleet(found, FleetShape({"gateway": 2, "triton": 6}, choices=1), Scenario(1000, 20))
    said = on_a_fleet(found, {"gateway": 0.5, "triton": 2 / 3})
    p50, p99 = answers.percentiles_ms([0.5, 0.99])
    assert p50 == pytest.approx(said.p50_ms, rel=0.1)
    assert p99 == pytest.approx(said.p99_ms, rel=0.15)
    constant = [found[0]._replace(visits=tuple(visit._replace(scv=0.0) for visit in found[0].visits))]
    assert on_a_fleet(constant, {"gateway": 0.5, "triton": 2 / 3}).p99_ms < 0.75 * p99


def test_simulated_work_has_the_mean_and_the_variation_of_its_visits() -> None:
    found = [RequestPath("search", "miss", 1.0, (Visit("triton", MS, 0.5),), (), (0.0, 0.0))]
    alone = simulate_fleet(found, FleetShape({"triton": 200}, choices=2), Scenario(2000, 10)).latency_s
    assert float(alone.mean()) == pytest.approx(MS, rel=0.03)
    assert float(alone.var() / alone.mean() ** 2) == pytest.approx(0.5, rel=0.15)


def test_the_characteristic_is_as_good_as_it_is_asked_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characteristics, "_RUNS", 1)
    rows = list(characteristics.characteristics(SEED))
    assert len(rows) == len(characteristics.SHAPES) * 3
    assert all(row.as_designed for row in rows)
    assert sum(row.at_least > 0 for row in rows) == len(characteristics.SHAPES)
