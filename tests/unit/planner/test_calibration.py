from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from planner.calibration import REFERENCE, Calibration, Comparison, Cost, Noise, load
from planner.fit import fit_delay
from planner.forecast import Promise, capacity_rps, forecast
from planner.machine import Machine
from planner.request_path import request_path, request_paths
from planner.simulation import Scenario, simulate_machine
from servekit.errors import InvalidValueError
from servekit.json_file import write_json
from shop.calibration.from_survey import compare_capacity
from shop.calibration.repeats import Repeats
from workbench.sla import Request
from workbench.sla.capacity import CapacityResult, Probe
from workbench.sla.settings import Thresholds

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = Machine(cores=2, gateways=2)
PROMISE = Promise(p99_ms=50, error_rate=0.001, at_once=1000)


def test_a_calibration_comes_back_as_it_was_written(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_json(path, calibration)
    assert load([tmp_path / "none.json", path]) == (calibration, path)


def test_the_reference_is_dated_names_its_machine_and_covers_all_kinds() -> None:
    reference, _ = load([REFERENCE])
    assert reference.date.startswith("20")
    assert reference.hardware["cpu"]
    assert {profile.kind for profile in reference.profiles} == {"search", "recommendations", "payments"}


def test_a_file_that_is_no_calibration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text('{"schema": 7}', encoding="utf-8")
    with pytest.raises(InvalidValueError, match=r"run make calibrate-3, which writes it$"):
        load([path])


def test_no_calibration_at_all_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError) as caught:
        load([tmp_path / "none.json"])
    assert str(caught.value) == f"calibration: expected one of {tmp_path / 'none.json'}: run make calibrate-3"


def test_the_weights_of_the_walks_are_mix_times_hit_ratio(calibration: Calibration) -> None:
    found = request_paths(calibration, calibration.mix, {"recommendations": 0.25}, 0.5)
    weights = {(each.kind, each.result): each.weight for each in found}
    assert weights == pytest.approx(
        {("recommendations", "hit"): 0.15, ("recommendations", "miss"): 0.45, ("search", "miss"): 0.3}
        | {("payments", "miss"): 0.1}
    )


def test_the_generator_is_on_the_way_only_where_it_was_measured(calibration: Calibration) -> None:
    search = calibration.profile("search", "miss")
    assert "generator" not in {visit.station for visit in request_path(search, 0.5).visits}
    with_it = request_path(search, 0.5, generator=True)
    assert sum(visit.cpu_s for visit in with_it.visits) == pytest.approx(sum(search.cpu_us(0.5).values()) * 1e-6)


def test_more_cpu_than_time_means_work_behind_the_answer(calibration: Calibration) -> None:
    search = msgspec.structs.replace(calibration.profile("search", "miss"), latency_ms=[1.0, 1.0])
    found = request_path(search, 0.5, generator=True)
    assert sum(visit.cpu_s for visit in found.visits) == pytest.approx(0.0009)
    assert found.cpu_s == pytest.approx(sum(search.cpu_us(0.5).values()) * 1e-6)


@pytest.mark.slow
def test_a_fitted_delay_gives_the_measured_latency_back(calibration: Calibration) -> None:
    truth = msgspec.structs.replace(calibration.profile("search", "miss"), rate_rps=120.0)
    scenario = Scenario(120, 20, seed=9)
    measured = simulate_machine([request_path(truth, 0.1, generator=True)], MACHINE, scenario).latency_s * 1e3
    raw = msgspec.structs.replace(
        truth, latency_ms=np.quantile(measured, np.linspace(0, 1, 201)).tolist(), delay_ms=[0.0, 0.0]
    )
    fitted = fit_delay(raw, MACHINE)
    again = simulate_machine([request_path(fitted, 0.1, generator=True)], MACHINE, scenario).latency_s * 1e3
    shares = [0.1, 0.5, 0.9]
    assert np.quantile(again, shares) == pytest.approx(np.quantile(measured, shares), rel=0.1)


def test_a_forecast_counts_the_cpu_of_every_process(calibration: Calibration) -> None:
    said = forecast(calibration, 100, {"search": 1.0}, {}, requests=2000)
    assert said.cpu_of == pytest.approx(
        {"edge": 0.01 + 0.01, "gateway": 0.07, "triton": 0.09, "features": 0.008, "generator": 0.02}
    )
    assert said.closed_form.p50_ms == pytest.approx(said.simulated.p50_ms, rel=0.1)


def test_a_forecast_beyond_the_cores_is_infinite_in_closed_form(calibration: Calibration) -> None:
    assert forecast(calibration, 1200, {"search": 1.0}, {}, requests=100).closed_form.p99_ms == float("inf")


def test_the_capacity_of_a_machine_is_below_what_its_cores_could_do_if_nobody_waited(
    calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.forecast._PROBED", 800)
    found = capacity_rps(calibration, {"payments": 1.0}, lambda _: {}, PROMISE)
    assert 1000 < found < 2 / 1040e-6


@pytest.mark.slow
def test_an_edge_that_lets_few_in_at_once_turns_some_away_before_the_latency_rises(
    calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.forecast._PROBED", 800)
    crowded, free = (
        capacity_rps(calibration, {"payments": 1.0}, lambda _: {}, PROMISE._replace(at_once=limit))
        for limit in (8, 1000)
    )
    assert crowded < 0.95 * free


def test_errors_are_relative_to_what_was_measured() -> None:
    compared = Comparison(figure="p99, ms", measured=10, simulated=11, closed_form=8)
    assert compared.simulated_error == pytest.approx(0.1)
    assert compared.closed_form_error == pytest.approx(-0.2)
    assert Comparison(figure="p99, ms", measured=10, simulated=11).closed_form_error is None


@pytest.mark.parametrize(("change", "noisy"), [({}, False), ({"others": 0.2}, True), ({"stalled": 0.02}, True)])
def test_a_machine_that_others_use_is_called_noisy(change: dict[str, float], *, noisy: bool) -> None:
    quiet = Noise(stalled=0.001, longest_ms=3, stalls_per_s=1, steal=0.001, others=0.02)
    assert msgspec.structs.replace(quiet, **change).noisy is noisy


@pytest.mark.slow
def test_a_searched_capacity_is_compared_with_the_simulation_and_its_own_generator(
    calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.forecast._PROBED", 500)  # which is the higher one shows soon

    def simulated(generator_cpu: float, hit_ratio: float = 0.0) -> float:
        probe = Probe(rate_rps=1500, achieved_rps=1500, generator_cpu=generator_cpu, verdict="met")
        failed = Probe(rate_rps=1500, achieved_rps=1200, generator_cpu=9, verdict="broken")
        searched = CapacityResult(
            level=3,
            capacity_rps=1500,
            failed_rps=1600,
            limit="server",
            confirmations=3,
            goodput_rps=1490,
            p99_ms=40,
            thresholds=Thresholds(p99_ms=50),
            mix={"payments": 1, "recommendations": 9},
            target="http://127.0.0.1:8300",
            workers=1,
            probes=[failed, probe],
            hardware=calibration.hardware,
            date=calibration.date,
            command="none",
        )
        return compare_capacity(calibration, searched, lambda _: {"recommendations": hit_ratio}, 40).simulated

    assert simulated(1.5) < simulated(0.1) < simulated(0.1, hit_ratio=0.9)


def test_a_request_costs_less_the_busier_the_machine_and_never_more_than_when_it_was_quiet(
    calibration: Calibration,
) -> None:
    search = msgspec.structs.replace(
        calibration.profile("search", "miss"),
        quiet=Cost(utilisation=0.2, cpu_us={"edge": 200, "gateway": 1000}),
        busy=Cost(utilisation=0.6, cpu_us={"edge": 100, "gateway": 800}),
    )
    assert search.cpu_us(0.2) == search.cpu_us(0.05) == {"edge": 200, "gateway": 1000}
    assert search.cpu_us(0.6) == pytest.approx({"edge": 100, "gateway": 800})
    # asleep is (1 - 0.4)² = 0.36 of the way from 0.64 to 0.16
    assert search.cpu_us(0.4) == pytest.approx({"edge": 200 - 100 * 7 / 12, "gateway": 1000 - 200 * 7 / 12})
    assert search.cpu_us(1.0) == pytest.approx({"edge": 200 - 100 * 4 / 3, "gateway": 1000 - 200 * 4 / 3})


def test_a_busy_measurement_that_was_no_busier_says_nothing(calibration: Calibration) -> None:
    search = calibration.profile("search", "miss")
    same = msgspec.structs.replace(search, busy=Cost(utilisation=0.1, cpu_us={"edge": 1}))
    assert same.cpu_us(0.9) == search.quiet.cpu_us


def test_a_forecast_uses_the_cost_at_the_utilisation_that_it_brings_about(calibration: Calibration) -> None:
    cheaper = {"edge": 50.0, "gateway": 350.0, "triton": 450.0, "features": 40.0, "generator": 100.0}
    search = msgspec.structs.replace(calibration.profile("search", "miss"), busy=Cost(utilisation=0.6, cpu_us=cheaper))
    loaded = msgspec.structs.replace(calibration, profiles=[search], idle_cpu={})
    said = forecast(loaded, 900, {"search": 1.0}, {}, requests=200)
    assert said.cpu_cores == pytest.approx(900e-6 * sum(search.cpu_us(said.cpu_cores / 2).values()), rel=0.01)


class _Asking:
    """Ten people, who ask again and again; a search is never asked twice."""

    def request(self, kind: str, random: Random) -> Request:
        return Request(f"/{kind}", b"%d" % random.randrange(10 if kind == "recommendations" else 10**12))

    def check(self, _request: Request, _answer: bytes) -> str | None:
        return None


def test_how_much_repeats_itself_depends_on_the_rate_and_on_how_long_an_answer_is_kept() -> None:
    mix = {"recommendations": 1.0, "search": 1.0}
    repeats = Repeats(_Asking(), mix, ttl_s=1.0, random=Random(1))
    assert repeats.at(2000)["recommendations"] == pytest.approx(0.99, abs=0.005)
    # each person comes once a second: a miss, a hit on average before the answer is gone, a miss
    assert repeats.at(20)["recommendations"] == pytest.approx(0.5, abs=0.02)
    assert repeats.at(0.1)["recommendations"] < 0.02
    assert repeats.at(2000)["search"] == 0.0
