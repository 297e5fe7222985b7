"""What exercise 3 must do, down to a server that stalls for a second and two testers who see different things."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

INTERVAL_S, SERVICE_S, RUN_S = 0.01, 0.001, 10.0
STALL_BEGINS_S, STALL_ENDS_S = 5.0, 6.0


def check_percentiles_are_nearest_ranks(answer: Path) -> None:
    percentile = load(answer).percentile
    samples = [float(n) for n in range(1, 101)]
    random.Random(3).shuffle(samples)  # noqa: S311 - the same order each time
    before = samples.copy()
    for p, expected in ((50, 50.0), (99, 99.0), (99.9, 100.0), (100, 100.0), (1, 1.0)):
        expect_equal(f"percentile(1 … 100, {p})", percentile(samples, p), expected)
    expect_equal("percentile([7.0], 50)", percentile([7.0], 50), 7.0)
    expect_equal("percentile([1.0, 2.0], 50)", percentile([1.0, 2.0], 50), 1.0)
    expect(samples == before, "the caller's list was sorted: expected it to stay as it is")


def check_workers_are_put_together_before_the_percentile(answer: Path) -> None:
    fleet_p99 = load(answer).fleet_p99
    busy, idle = [10.0] * 990, [10.0] * 5 + [500.0] * 5
    expect_equal("fleet_p99(990 requests of 10 ms, and a worker with 5 of 10 ms and 5 of 500 ms)",
                 fleet_p99([busy, idle]), 10.0)  # fmt: skip
    expect_equal("fleet_p99 of one worker", fleet_p99([idle]), 500.0)


def check_open_loop_counts_from_the_intended_start(answer: Path) -> None:
    found = load(answer).open_loop([0.0, 0.01, 0.02], [0.001, 1.011, 1.012])
    expect_equal("open_loop([0.0, 0.01, 0.02], [0.001, 1.011, 1.012])", [round(each, 6) for each in found],
                 [1.0, 1001.0, 992.0])  # fmt: skip


def check_omitted_requests_are_put_back(answer: Path) -> None:
    corrected = load(answer).corrected
    for samples, interval, expected in (
        ([10.0, 20.0], 100.0, [10.0, 20.0]),
        ([10.0, 450.0, 10.0], 100.0, [10.0, 10.0, 150.0, 250.0, 350.0, 450.0]),
        ([300.0], 100.0, [100.0, 200.0, 300.0]),
    ):
        expect_equal(f"sorted(corrected({samples}, {interval}))", sorted(corrected(samples, interval)), expected)


def check_other_samples_are_right_too(answer: Path) -> None:
    module, chance = load(answer), random.Random()  # noqa: S311 - examples
    for _ in range(50):
        samples = [float(chance.randint(1, 999)) for _ in range(chance.randint(1, 60))]
        p = chance.choice((1, 25, 50, 75, 90, 99, 100))
        # from the definition: the smallest that at least p % of the samples do not exceed
        rank = min(x for x in samples if 100 * sum(each <= x for each in samples) >= p * len(samples))
        expect_equal(f"percentile({samples}, {p})", module.percentile(samples, p), rank)
        half = len(samples) // 2
        expect_equal(f"fleet_p99([{samples[:half]}, {samples[half:]}])",
                     module.fleet_p99([samples[:half], samples[half:]]), module.percentile(samples, 99))  # fmt: skip
        interval = float(chance.randint(50, 200))
        omitted = [x - n * interval for x in samples for n in range(1, int(x // interval))]
        expect_equal(f"sorted(corrected({samples}, {interval}))", sorted(module.corrected(samples, interval)),
                     sorted(samples + omitted))  # fmt: skip


def check_both_testers_agree_on_a_server_that_stalls(answer: Path) -> None:
    module = load(answer)
    naive, intended, finished = closed_and_open()
    expect(module.percentile(naive, 99) < 2, "the closed loop's own p99: expected it to miss the stall")  # noqa: PLR2004
    honest = module.percentile(module.open_loop(intended, finished), 99)
    repaired = module.percentile(module.corrected(naive, INTERVAL_S * 1e3), 99)
    for name, p99 in (("the open loop's p99", honest), ("the corrected closed loop's p99", repaired)):
        expect(850 < p99 < 950, f"{name} {p99:.0f} ms: expected about 900 ms")  # noqa: PLR2004


def closed_and_open() -> tuple[list[float], list[float], list[float]]:
    """Of one stalling server: the closed loop's latencies (ms), the open loop's intended starts and ends (s)."""
    naive, clock = [], 0.0
    while clock < RUN_S:
        done = answered(clock)
        naive.append((done - clock) * 1e3)
        clock = max(done, clock + INTERVAL_S)
    intended = [n * INTERVAL_S for n in range(int(RUN_S / INTERVAL_S))]
    return naive, intended, [answered(start) for start in intended]


def answered(arrived_s: float) -> float:
    """When the server answers: at once, or when its one long pause is over."""
    return (STALL_ENDS_S if STALL_BEGINS_S <= arrived_s < STALL_ENDS_S else arrived_s) + SERVICE_S
