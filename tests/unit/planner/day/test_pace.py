from __future__ import annotations

import msgspec
import numpy as np
import pytest

from planner.calibration import REFERENCE, load
from planner.day.fleet_design import BatchChoice, FleetDesign, ServerChoice
from planner.day.pace import FULL, Pace
from planner.day.requirements import DayRequirements, load_requirements
from planner.pods import ZoneLoss
from planner.simulation import FleetShape, Scenario, simulate_fleet
from workbench.versions import ROOT

CALIBRATION, _ = load([REFERENCE])
SHOP = load_requirements(ROOT / "interview/design/shop-at-scale.toml")
COLD = (0.0, 0.0, 0.0)


def pace(cores: int, needs: DayRequirements = SHOP, batch: BatchChoice | None = None) -> Pace:
    servers = ServerChoice(replicas=1, cores=cores, instance="any")
    design = FleetDesign(regions=1, zones=1, servers=servers, batch=batch or BatchChoice())
    return Pace(CALIBRATION, needs, design)


def one_model(like: str) -> DayRequirements:
    models = [{"name": "any", "like": like, "share": 1.0}]
    return msgspec.convert({**msgspec.to_builtins(SHOP), "models": models}, DayRequirements)


@pytest.mark.parametrize(("cores", "busy"), [pytest.param(1, 0.5, marks=pytest.mark.slow), (4, 0.8)])
def test_the_formula_agrees_with_a_simulation_request_by_request(cores: int, busy: float) -> None:
    of = pace(cores)
    rates, shares = curve(of)
    rate = float(np.interp(busy, shares, rates))
    scenario = Scenario(rate * 3, 12000 / (rate * 3), seed=4)
    answers = simulate_fleet(of.paths(COLD, busy), FleetShape({"server": 3}, choices=1, cores=cores), scenario)
    p50, p99 = answers.percentiles_ms([0.5, 0.99])
    assert of.load(rate, COLD).p99_ms == pytest.approx(p99, rel=0.15)
    assert answers.busy["server"] / (3 * cores) == pytest.approx(busy, rel=0.06)
    assert p50 < p99


def curve(of: Pace) -> tuple[list[float], list[float]]:
    rates = np.linspace(10, of.most_rps(COLD), 40).tolist()
    return rates, [of.load(rate, COLD).busy for rate in rates]


def test_more_traffic_is_busier_later_and_in_the_end_refused() -> None:
    of = pace(2)
    most = of.most_rps(COLD)
    loads = [of.load(most * part, COLD) for part in (0.2, 0.5, 0.8, 0.95, 1.0, 2.0)]
    assert [each.busy for each in loads] == sorted(each.busy for each in loads)
    assert [each.p99_ms for each in loads] == sorted(each.p99_ms for each in loads)
    assert [each.late_near for each in loads] == sorted(each.late_near for each in loads)
    assert loads[-1].busy == FULL
    assert [round(each.refused, 6) for each in loads] == [0, 0, 0, 0, 0, 0.5]
    assert of.load(0.0, COLD).busy == 0.0


def test_users_who_are_served_far_away_wait_for_the_way_besides() -> None:
    load = pace(4).load(500, COLD)
    assert load.late_near < 0.001
    assert load.late_far == 1.0, "60 ms on the way, 50 promised"


def test_many_cores_behind_one_queue_wait_less_than_one() -> None:
    one, many = pace(1), pace(8)
    assert many.load(many.most_rps(COLD) * 0.8, COLD).p99_ms < 0.5 * one.load(one.most_rps(COLD) * 0.8, COLD).p99_ms


def test_hits_make_room_and_slower_models_take_it() -> None:
    of = pace(2)
    assert of.most_rps((0.9, 0.0, 0.0)) > 1.2 * of.most_rps(COLD)
    assert of.most_rps(COLD, slower=2.0) < 0.8 * of.most_rps(COLD)


def gain(like: str) -> float:
    single, batched = (pace(4, one_model(like), BatchChoice(size=size)) for size in (1, 16))
    return batched.most_rps((0.0,)) / single.most_rps((0.0,))


def test_batches_bring_a_part_of_what_was_measured_of_the_model_alone() -> None:
    assert 1.05 < gain("search") < 1.31
    assert gain("search") + 0.1 < gain("recommendations") < 2.13
    assert gain("payments") == 1.0


def test_holding_requests_back_for_a_batch_makes_a_quiet_server_slower() -> None:
    needs = one_model("search")
    soon, held = (pace(2, needs, BatchChoice(size=8, delay_ms=delay)) for delay in (0.0, 10.0))
    assert held.load(50, (0.0,)).p99_ms > soon.load(50, (0.0,)).p99_ms + 8


def test_requests_in_a_silent_zone_are_tried_elsewhere() -> None:
    of = pace(4)
    lost = ZoneLoss(0, 1.0, 1.0, attempt_s=0.02)
    rate = 3 * 0.4 * of.most_rps(COLD)
    answers = simulate_fleet(
        of.paths(COLD, 0.4), FleetShape({"server": 3}, zones=3, cores=4), Scenario(rate, 3, lost=lost)
    )
    assert answers.percentiles_ms([0.99], (0.5, 0.95))[0] < 15
    assert answers.percentiles_ms([0.99], (1.0, 2.0))[0] > 22
    assert answers.failed.mean() < 0.01
