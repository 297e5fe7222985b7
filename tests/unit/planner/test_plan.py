from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import msgspec
import pytest

from planner.fleet import Ask, FleetPlan, plan_fleet
from planner.picture import draw
from planner.plan import Plan, make_plan
from planner.rehearsal import lose_a_zone
from planner.table import print_plan
from servekit.errors import InvalidValueError
from workbench.terminal import make_console

if TYPE_CHECKING:
    from planner.calibration import Calibration
    from planner.prices import Prices


SMALL = Ask(qps=50, p99_ms=50, mix={"payments": 1.0}, hit_ratio={})


@pytest.fixture(scope="module")
def plan(calibration: Calibration, prices: Prices, ask: Ask) -> Plan:
    return make_plan(calibration, Path("calibration.json"), prices, ask)


def fleet(calibration: Calibration, prices: Prices, ask: Ask, **changes: object) -> FleetPlan:
    return plan_fleet(calibration, prices, msgspec.structs.replace(ask, **changes))[0]


def pods(found: FleetPlan) -> dict[str, int]:
    return {station.name: station.pods for station in found.stations}


def test_more_requests_never_need_fewer_pods(calibration: Calibration, prices: Prices, ask: Ask) -> None:
    sizes = [fleet(calibration, prices, ask, qps=float(qps)) for qps in (1, 10, 999, 1000, 1001, 12_345, 100_000)]
    for fewer, more in pairwise(sizes):
        assert all(pods(more)[name] >= count for name, count in pods(fewer).items())
        assert more.bill.total_per_hour >= fewer.bill.total_per_hour


@pytest.mark.slow
def test_each_zone_can_be_lost_without_exceeding_the_headroom(plan: Plan) -> None:
    for station in plan.warm.stations:
        assert station.busy_zone_lost <= plan.warm.utilisation + 1e-4
    assert plan.warm.utilisation <= 1 - plan.ask.headroom + 1e-4


def test_a_tighter_p99_makes_pods_less_busy_until_it_cannot_be_had(
    calibration: Calibration, prices: Prices, ask: Ask
) -> None:
    easy = fleet(calibration, prices, ask, headroom=0.3)
    tight = fleet(calibration, prices, ask, headroom=0.3, p99_ms=9.0)
    assert (easy.binds, tight.binds) == ("headroom", "p99")
    assert tight.utilisation < easy.utilisation
    assert tight.cores > easy.cores
    assert tight.p99_zone_lost_ms <= 9.0 + 0.05


def test_a_p99_below_that_of_an_idle_fleet_is_refused(calibration: Calibration, prices: Prices, ask: Ask) -> None:
    with pytest.raises(InvalidValueError) as caught:
        fleet(calibration, prices, ask, p99_ms=5)
    assert str(caught.value) == "p99_ms 5: expected at least 8.54, the p99 of an idle fleet"


def test_a_cold_cache_needs_more(plan: Plan) -> None:
    assert plan.cold.cores > plan.warm.cores
    assert plan.cold.bill.per_million > plan.warm.bill.per_million
    assert plan.cold_start.busiest == "triton-personalisation"
    assert plan.cold_start.holds_rps < plan.ask.qps


def test_the_rehearsed_loss_of_a_zone_keeps_p99(plan: Plan) -> None:
    before, during, after = plan.zone_rehearsal
    assert before.p99_ms <= plan.ask.p99_ms
    assert after.p99_ms <= plan.ask.p99_ms
    assert after.failed == after.degraded == 0
    assert during.p99_ms > after.p99_ms


def test_the_closed_form_is_on_the_safe_side_of_a_fleet_whose_balancers_look(plan: Plan) -> None:
    for phase in (*plan.zone_rehearsal, *plan.region_rehearsal):
        assert phase.difference is None or -0.1 < phase.difference < 0.6


def test_the_closed_form_agrees_with_the_simulation_of_balancers_that_do_not_look(plan: Plan) -> None:
    for point in plan.points[:-2]:  # nearer to full, a few seconds do not settle a p99
        assert point.closed_form_ms == pytest.approx(point.simulated_ms, rel=0.15)


def test_more_regions_need_less_spare_each(plan: Plan) -> None:
    one, two, three, four = plan.regions
    assert [region.qps_held for region in plan.regions] == pytest.approx([20_000, 20_000, 10_000, 6_666.7])
    assert two.cores == 2 * one.cores
    assert one.cores < three.cores < two.cores
    assert four.qps_each < three.qps_each


def test_one_zone_has_nothing_to_spare(calibration: Calibration, prices: Prices, ask: Ask) -> None:
    found, modelled = plan_fleet(calibration, prices, msgspec.structs.replace(ask, qps=2000.0, zones=1))
    assert [phase.name for phase in lose_a_zone(modelled)] == ["all zones up"]
    assert found.traffic.cross_zone_gbit == 0


def test_gpus_are_counted_apart_from_cores(calibration: Calibration, prices: Prices, ask: Ask) -> None:
    found = fleet(calibration, prices, ask, gpu_speedup=20.0)
    models = {name: count for name, count in pods(found).items() if name.startswith("triton")}
    assert found.gpus == found.gpu_nodes == sum(models.values())
    assert found.cores == sum(pods(found)[name] for name in ("edge", "gateway"))


def test_a_plan_says_how_much_the_work_of_a_kind_may_vary_and_where_the_closed_form_does_not_hold(
    calibration: Calibration, prices: Prices
) -> None:
    uneven = [msgspec.structs.replace(each, latency_ms=[1.0] * 195 + [20.0] * 6) for each in calibration.profiles]
    wild = make_plan(msgspec.structs.replace(calibration, profiles=uneven), Path("c.json"), prices, SMALL)
    (said,) = [line for line in wild.assumptions if line.startswith("work of one kind varies as much as the spread of")]
    assert float(said.rpartition(" ")[2]) > 1
    beyond = "work with c² above 1 waits as its shape will have it"
    assert any(line.startswith(beyond) for line in wild.assumptions)


def test_a_plan_for_gpus_says_first_that_nothing_has_measured_them(calibration: Calibration, prices: Prices) -> None:
    small = msgspec.structs.replace(SMALL, gpu_speedup=20.0)
    found = make_plan(calibration, Path("c.json"), prices, small)
    assert found.assumptions[0] == "one GPU does 20 cores' model work: your figure, nothing here has measured it"


def test_the_stores_hold_what_is_written_in_a_lifetime(calibration: Calibration, prices: Prices, ask: Ask) -> None:
    found = fleet(calibration, prices, ask, qps=10_000.0, ttl_s=30.0, feature_keys=500_000_000)
    assert found.cache.keys == math.ceil(10_000 * 0.6 * 0.4 * 30)
    assert found.features.gib == pytest.approx(500_000_000 * 400 / 1024**3, rel=1e-3)
    assert found.features.limited_by == "memory"
    assert found.features.nodes == 2 * found.features.shards


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qps": 0.0}, "qps 0.0: expected above 0"),
        ({"qps": math.inf}, "qps inf: expected above 0"),
        ({"p99_ms": -1.0}, "p99_ms -1.0: expected above 0"),
        ({"zones": 0}, "zones 0: expected at least 1"),
        ({"headroom": 1.0}, "headroom 1.0: expected from 0 to below 1"),
        ({"hit_ratio": {"recommendations": 1.5}}, "hit_ratio of recommendations 1.5: expected from 0 to 1"),
        ({"hit_ratio": {"payments": 0.5}}, "hit_ratio of payments 0.5: expected 0: this kind is never cached"),
        ({"mix": {"search": 0.0}}, "mix {'search': 0.0}: expected at least one kind, each with a weight above 0"),
        (
            {"mix": {"returns": 1.0}, "hit_ratio": {}},
            "kind returns: expected one that was measured: payments, recommendations, search",
        ),
        ({"gpu_speedup": 0.0}, "assume_gpu_speedup 0.0: expected above 0"),
        ({"network_ms": -1.0}, "network_ms -1.0: expected 0 or more"),
        ({"ttl_s": -1.0}, "ttl_s -1.0: expected 0 or more"),
        ({"replicas": -1}, "replicas -1: expected 0 or more"),
    ],
)
def test_a_figure_out_of_range_is_named(
    calibration: Calibration, prices: Prices, ask: Ask, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        make_plan(calibration, Path("c.json"), prices, msgspec.structs.replace(ask, **changes))
    assert str(caught.value) == message


def test_the_document_keeps_to_its_schema(plan: Plan) -> None:
    document = json.loads(msgspec.json.encode(plan))
    jsonschema.validate(document, msgspec.json.schema(Plan))
    assert msgspec.convert(document, Plan) == plan


def test_the_picture_is_an_svg_that_stands_alone(plan: Plan) -> None:
    picture = draw(plan)
    root = ET.fromstring(picture)  # noqa: S314 - our own output
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sum(title.startswith("planned") for title in titles) == 2
    assert "p99 asked for: 50 ms" in picture


def test_the_table_tells_what_decides(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(make_console(), plan)
    shown = capsys.readouterr().out
    assert "20,000 requests/s, p99 50 ms, 3 zones of which one may be lost, 30% headroom" in shown
    assert "the 30% headroom, not p99, decides: pods may be 70% busy" in shown
    assert "an empty cache makes triton-personalisation" in shown
    assert "list prices on demand, the oldest as of" in shown
