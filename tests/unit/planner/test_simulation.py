from __future__ import annotations

import numpy as np
import pytest
import simpy

from planner.arrivals import Surge, arrival_times
from planner.closed_form import on_a_fleet
from planner.machine import Cores, Machine, Process
from planner.pods import Pod, ZoneLoss
from planner.queueing import erlang_c
from planner.request_path import RequestPath, Visit
from planner.simulation import Answers, FleetShape, Scenario, simulate_fleet, simulate_machine
from servekit.errors import InvalidValueError
from tests.unit.planner.allen_cunneen import wait


def a_path(*visits: tuple[str, float], delay_s: float = 0.0, after: tuple[Visit, ...] = ()) -> RequestPath:
    return RequestPath("search", "miss", 1.0, tuple(Visit(*visit) for visit in visits), after, (delay_s, delay_s))


@pytest.mark.parametrize("utilisation", [0.5, 0.7])
def test_a_pod_with_exponential_work_waits_as_the_formula_says(utilisation: float) -> None:
    random = np.random.default_rng(5)
    env = simpy.Environment()
    pod, waited = Pod(env, 0), []
    arrivals = np.cumsum(random.exponential(1 / utilisation, 40_000))

    def arrive() -> simpy.events.ProcessGenerator:
        for at, work in zip(arrivals.tolist(), random.exponential(1, len(arrivals)).tolist(), strict=True):
            yield env.timeout(at - env.now)
            waited.append(pod.backlog_s())
            pod.serve(work)

    env.process(arrive())
    env.run()
    expected = wait(1, utilisation, 1.0, 1)
    assert np.mean(waited) == pytest.approx(expected.mean_s, rel=0.12)
    assert np.mean(np.array(waited) > 0) == pytest.approx(expected.waits, rel=0.05)


@pytest.mark.parametrize(("cores", "utilisation"), [(2, 0.6), (8, 0.9)])
def test_cores_behind_one_queue_wait_as_erlang_says(cores: int, utilisation: float) -> None:
    random = np.random.default_rng(6)
    env = simpy.Environment()
    pod, waited = Pod(env, 0, cores), []
    arrivals = np.cumsum(random.exponential(1 / utilisation / cores, 60_000))

    def arrive() -> simpy.events.ProcessGenerator:
        for at, work in zip(arrivals.tolist(), random.exponential(1, len(arrivals)).tolist(), strict=True):
            yield env.timeout(at - env.now)
            waited.append(pod.backlog_s())
            pod.serve(work)

    env.process(arrive())
    env.run()
    assert np.mean(np.array(waited) > 0) == pytest.approx(erlang_c(cores, utilisation * cores), rel=0.06)


def test_the_simulation_of_a_fleet_agrees_with_the_closed_form() -> None:
    found = [a_path(("gateway", 0.001), ("triton-ranking", 0.004), delay_s=0.001)]
    answers = simulate_fleet(found, FleetShape({"gateway": 2, "triton-ranking": 6}, choices=1), Scenario(1000, 12))
    said = on_a_fleet(found, {"gateway": 0.5, "triton-ranking": 2 / 3})
    p50, p99 = answers.percentiles_ms([0.5, 0.99])
    assert p50 == pytest.approx(said.p50_ms, rel=0.1)
    assert p99 == pytest.approx(said.p99_ms, rel=0.15)


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    found = [a_path(("gateway", 0.001))]
    runs = [simulate_fleet(found, FleetShape({"gateway": 2}), Scenario(500, 2, seed=seed)) for seed in (3, 3, 4)]
    assert np.array_equal(runs[0].latency_s, runs[1].latency_s)
    assert not np.array_equal(runs[0].latency_s, runs[2].latency_s)


def test_a_balancer_that_compares_two_pods_waits_less_than_one_that_does_not() -> None:
    found = [a_path(("gateway", 0.002))]
    p99 = [
        simulate_fleet(found, FleetShape({"gateway": 8}, choices=choices), Scenario(3200, 4)).percentiles_ms([0.99])[0]
        for choices in (1, 2)
    ]
    assert p99[1] < p99[0] / 1.5


def test_processes_share_the_cores_of_a_machine() -> None:
    env = simpy.Environment()
    cores = Cores(env, 2)
    ends: list[float] = []
    for _ in range(4):
        Process(env, cores).serve(1.0).callbacks.append(lambda _: ends.append(env.now))
    env.run()
    assert ends == pytest.approx([2.0] * 4)


def test_a_process_does_one_thing_at_a_time_whatever_the_cores() -> None:
    env = simpy.Environment()
    process, ends = Process(env, Cores(env, 8)), list[float]()
    for _ in range(3):
        process.serve(1.0).callbacks.append(lambda _: ends.append(env.now))
    env.run()
    assert ends == pytest.approx([1, 2, 3])


def test_short_work_overtakes_long_work_on_shared_cores() -> None:
    env = simpy.Environment()
    cores, ends = Cores(env, 1), dict[str, float]()
    cores.work(10).callbacks.append(lambda _: ends.update(long=env.now))
    cores.work(1).callbacks.append(lambda _: ends.update(short=env.now))
    env.run()
    assert ends == {"short": 2, "long": 11}


def test_threads_of_other_programs_take_their_share_of_the_cores() -> None:
    env = simpy.Environment()
    ends: list[float] = []
    Process(env, Cores(env, 2, others=3)).serve(1.0).callbacks.append(lambda _: ends.append(env.now))
    env.run()
    assert ends == pytest.approx([2.0])


def test_work_after_the_answer_delays_others_but_not_the_request() -> None:
    lone = Scenario(1, 30, warmup_s=0)
    found = a_path(("gateway", 0.001), after=(Visit("gateway", 0.02),))
    assert simulate_machine([found], Machine(2), lone).percentiles_ms([0.5])[0] == pytest.approx(1, rel=0.01)
    busy = Scenario(40, 30)
    without = simulate_machine([found._replace(after=())], Machine(2), busy)
    assert simulate_machine([found], Machine(2), busy).percentiles_ms([0.99])[0] > without.percentiles_ms([0.99])[0] + 5


def test_two_gateways_on_two_cores_answer_sooner_than_one() -> None:
    found = [a_path(("gateway", 0.01))]
    one, two = (
        simulate_machine(found, Machine(2, gateways), Scenario(80, 20)).percentiles_ms([0.99])[0] for gateways in (1, 2)
    )
    assert two < one


@pytest.fixture(scope="module")
def zone_lost() -> tuple[Answers, ZoneLoss]:
    lost = ZoneLoss(zone=0, at_s=2, notice_s=1)
    found = [a_path(("edge", 0.0002), ("gateway", 0.001), ("features", 0.0001), delay_s=0.002)]
    shape = FleetShape({"edge": 3, "gateway": 6, "features": 3}, zones=3)
    return simulate_fleet(found, shape, Scenario(2500, 6, lost=lost)), lost


def test_a_lost_zone_costs_retries_until_it_is_noticed_and_then_nothing(zone_lost: tuple[Answers, ZoneLoss]) -> None:
    answers, lost = zone_lost
    noticed = lost.at_s + lost.notice_s
    before, during, after = (
        answers.percentiles_ms([0.99], between)[0] for between in ((0, 1.9), (lost.at_s, noticed), (noticed + 0.3, 6))
    )
    assert during > before + lost.attempt_s * 1e3
    assert after < before * 2
    assert not answers.failed[answers.at_s > noticed + 0.1].any()


def test_work_under_way_in_a_zone_that_is_lost_is_made_again_elsewhere() -> None:
    lost = ZoneLoss(0, at_s=3.0, notice_s=0.5, attempt_s=2.0)
    found, shape = [a_path(("gateway", 0.1))], FleetShape({"gateway": 8}, zones=2)
    answers = simulate_fleet(found, shape, Scenario(30, 6, warmup_s=0, lost=lost))
    waited = (answers.at_s < lost.at_s) & (answers.latency_s >= lost.attempt_s + 0.1)
    assert 1 <= waited.sum() <= 8
    assert not answers.failed.any()


def test_a_lost_shard_degrades_answers_until_its_replica_takes_over(zone_lost: tuple[Answers, ZoneLoss]) -> None:
    answers, lost = zone_lost
    noticed = lost.at_s + lost.notice_s
    during = (answers.at_s > lost.at_s) & (answers.at_s < noticed)
    assert 0.2 < answers.degraded[during].mean() < 0.5
    assert not answers.degraded[answers.at_s > noticed + 0.1].any()


def test_a_surge_multiplies_the_rate_from_its_time_on() -> None:
    times = arrival_times(1000, 4, np.random.default_rng(1), Surge(2, 1.5))
    assert np.count_nonzero(times >= 2) / np.count_nonzero(times < 2) == pytest.approx(1.5, rel=0.1)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"^rate_rps 0: expected above 0$"):
        arrival_times(0, 1, np.random.default_rng(1))
