from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from workbench.load import Failure, describe_outcome
from workbench.sla.closed_loop import closed_loop
from workbench.sla.judge import judge
from workbench.sla.limits import so_far
from workbench.sla.recorder import Checked
from workbench.sla.samples import RECORD, Samples, read_samples
from workbench.sla.settings import Server, Sla, Thresholds
from workbench.sla.timeline import timeline

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = (1.0, 10.0)
RIGHT = Checked(checked=50, wrong=0)


def promised(**thresholds: float) -> Sla:
    return Sla(
        level=1,
        rate_rps=100,
        duration_s=10,
        scenario="traffic.py:Traffic",
        server=Server(url="http://127.0.0.1:8100", start="make up-1"),
        mix={"single": 3.0, "batch": 1.0},
        thresholds=Thresholds(**{"p99_ms": 50.0, **thresholds}),
    )


def steady(count: int = 1100, latency_s: float = 0.01) -> Samples:
    """One request each 10 ms over 11 s, a quarter of them of the second kind."""
    samples = np.zeros(count, dtype=RECORD)
    samples["intended_s"] = np.arange(count) / 100
    samples["latency_s"] = latency_s
    samples["kind"] = np.arange(count) % 4 == 0
    samples["size"] = 100
    return samples


def test_a_steady_server_meets_its_sla() -> None:
    judged = judge(promised(p50_ms=20, p95_ms=20), 100, WINDOW, steady(), RIGHT)
    assert (judged.verdict, judged.exit_code, judged.reasons) == ("met", 0, [])
    assert (judged.requests, judged.p99_ms, judged.goodput_rps) == (1000, 10.0, 100.0)
    names = ["p50_ms", "p95_ms", "p99_ms", "error_rate", "achieved_ratio", "correct_ratio"]
    assert [limit.name for limit in judged.limits] == names
    assert [(endpoint.name, endpoint.requests) for endpoint in judged.endpoints] == [("single", 750), ("batch", 250)]


def test_percentiles_are_exact_not_rounded_to_buckets() -> None:
    samples = steady()
    samples["latency_s"] = np.arange(len(samples)) / 1e3 + 0.123456
    window = samples["latency_s"][100:]
    judged = judge(promised(), 100, WINDOW, samples, RIGHT)
    assert judged.p99_ms == pytest.approx(np.percentile(window, 99) * 1e3, abs=0.001)


def test_the_warm_up_is_not_judged() -> None:
    samples = steady()
    samples["latency_s"][:100] = 9.0
    assert judge(promised(), 100, WINDOW, samples, RIGHT).max_ms == 10.0


def test_each_broken_limit_gives_a_reason() -> None:
    samples = steady(latency_s=0.06)
    samples["outcome"][100:200] = 503
    samples["outcome"][200:250] = Failure.TIMEOUT
    judged = judge(promised(p50_ms=20), 100, WINDOW, samples, Checked(checked=10, wrong=1, examples=["label 2"]))
    assert (judged.verdict, judged.exit_code) == ("broken", 1)
    assert judged.reasons == [
        "p50_ms 60: expected at most 20 (1,000 of 1,000 slower)",
        "p99_ms 60: expected at most 50 (1,000 of 1,000 slower)",
        "error_rate 0.15: expected at most 0 (150 of 1,000 failed)",
        "achieved_ratio 0.85: expected at least 0.95",
        "correct_ratio 0.9: expected at least 1 (1 of 10 wrong)",
    ]
    assert judged.errors == {"timeout": 50, "HTTP 503": 100}
    assert judged.goodput_rps == 0


def with_slow(count: int, *, burst: bool = False) -> Samples:
    """Steady requests, so many of which, spread over the run or one after the other, take 60 ms."""
    samples = steady()
    at = np.arange(count) + 500 if burst else np.linspace(100, 1099, count + 2)[1:-1].astype(int)
    samples["latency_s"][at] = 0.06
    return samples


@pytest.mark.parametrize(
    ("slow", "verdict", "code"),
    [(0, "met", 0), (4, "met", 0), (5, "too_close", 3), (12, "too_close", 3), (16, "broken", 1), (40, "broken", 1)],
)
def test_the_verdict_says_what_a_thousand_requests_can_tell(slow: int, verdict: str, code: int) -> None:
    judged = judge(promised(), 100, WINDOW, with_slow(slow), RIGHT)
    assert (judged.verdict, judged.exit_code) == (verdict, code)
    p99 = judged.limits[0]
    assert (p99.hits, p99.of, p99.kept) == (slow, 1000, judged.p99_ms <= 50)


def test_too_close_to_tell_says_between_what_and_which_run_would_tell() -> None:
    samples = with_slow(6)
    samples["latency_s"][100:1100:25] += 0.02
    judged = judge(promised(), 100, WINDOW, samples, RIGHT)
    assert judged.reasons == [
        (
            "p99_ms 30: expected at most 50 (6 of 1,000 slower); too close to tell: in truth 30 to 60 ms. "
            'About 17 s would tell: make sla-1 ARGS="--duration 17"'
        )
    ]
    assert (judged.limits[0].low, judged.limits[0].high, judged.limits[0].needed_s) == (30.0, 60.0, 17)
    assert (
        judge(promised(), 100, WINDOW, with_slow(10), RIGHT)
        .reasons[0]
        .endswith("It lies at the limit itself: not even an hour would tell")
    )


def test_slow_requests_in_one_burst_prove_less_than_as_many_spread_over_the_run() -> None:
    spread, burst = (judge(promised(), 100, WINDOW, with_slow(30, burst=burst), RIGHT) for burst in (False, True))
    assert (spread.verdict, burst.verdict) == ("broken", "too_close")


def test_a_run_of_too_few_requests_proves_no_p99() -> None:
    judged = judge(promised(), 100, (1.0, 2.9), steady(390), RIGHT)
    assert (judged.verdict, judged.limits[0].high) == ("too_close", None)
    assert "(0 of 290 slower); too close to tell: in truth 10 ms or more. About 3 s would tell" in judged.reasons[0]
    assert judge(promised(), 100, (1.0, 3.0), steady(400), RIGHT).verdict == "met"  # 0.99 ** 299 < 5 %


def test_no_error_seen_keeps_a_promise_so_far_and_says_what_that_proves() -> None:
    judged = judge(promised(error_rate=0.001), 100, (1.0, 7.63), steady(863), RIGHT)
    errors, right = judged.limits[1], judged.limits[3]
    assert (judged.verdict, errors.standing, errors.hits, errors.of) == ("met", "so_far", 0, 763)
    assert errors.high == pytest.approx(0.0039, abs=0.0001)
    assert so_far(errors) == (
        "error_rate kept so far: none of 763 failed, which proves at most 0.39%; promised is 0.001, "
        "30 s without one would prove it"
    )
    assert so_far(right) == (
        "correct_ratio kept so far: none of 50 wrong, which proves at least 94.18%; promised is 1, "
        "no run is long enough to prove it"
    )


def test_an_error_seen_makes_its_promise_one_that_must_be_proven() -> None:
    samples = steady()
    samples["outcome"][500] = 503
    judged = judge(promised(error_rate=0.002), 100, WINDOW, samples, RIGHT)
    assert judged.verdict == "too_close"
    assert (
        "error_rate 0.001: expected at most 0.002 (1 of 1,000 failed); too close to tell: in truth 0.01% to 0.47%."
        in (judged.reasons[0])
    )
    assert judge(promised(error_rate=0.01), 100, WINDOW, samples, RIGHT).verdict == "met"
    assert judge(promised(), 100, WINDOW, samples, RIGHT).verdict == "broken"


def test_a_run_without_requests_is_invalid() -> None:
    judged = judge(promised(), 100, WINDOW, steady(0), Checked())
    assert (judged.verdict, judged.exit_code, judged.reasons) == ("invalid", 2, ["no request was sent"])


def test_a_lagging_generator_makes_the_run_invalid_whatever_the_latency() -> None:
    samples = steady()
    samples["lag_s"] = 0.04
    judged = judge(promised(), 100, WINDOW, samples, RIGHT)
    assert (judged.verdict, judged.generator_saturated) == ("invalid", True)
    assert judged.reasons[0].startswith("generator lag p99 40 ms: expected at most 25 ms; the generator was saturated")


def test_a_generator_that_sent_too_little_makes_the_run_invalid() -> None:
    judged = judge(promised(), 200, WINDOW, steady(), RIGHT)
    assert judged.reasons == ["requests sent 1000: expected about 2000; the generator did not keep up"]


def test_a_run_whose_answers_nobody_checked_is_invalid() -> None:
    judged = judge(promised(), 100, WINDOW, steady(), Checked())
    assert (judged.verdict, judged.reasons) == ("invalid", ["answers checked 0: expected at least one"])


def test_a_closed_loop_user_sends_nothing_while_it_waits() -> None:
    samples = steady(1000, latency_s=0.002)
    samples["latency_s"][100:300] = np.linspace(2.0, 0.0, 200) + 0.002  # a stall of 2 s, by open-loop arrivals
    seen = closed_loop(samples, 100)
    assert (seen.users, seen.users_text) == (1, "1 user")
    assert seen.omitted == pytest.approx(0.2, abs=0.002)
    assert seen.p99_ms == pytest.approx(2.0)
    assert judge(promised(), 100, (0, 10), samples, RIGHT).p99_ms > 1000


def test_closed_loop_users_are_as_many_as_the_usual_latency_asks_for() -> None:
    assert closed_loop(steady(latency_s=0.035), 100).users_text == "4 users"
    assert closed_loop(steady(0), 100).users == 0


def test_the_usual_latency_is_the_median_for_the_mean_has_the_stall_in_it() -> None:
    """Little's law takes the mean: of a run with a stall it would give users enough to see the stall."""
    samples = steady(1000, latency_s=0.002)
    samples["latency_s"][100:300] = np.linspace(2.0, 0.0, 200) + 0.002
    mean = float(np.mean(samples["latency_s"]))
    assert math.ceil(100 * mean) == 21
    assert closed_loop(samples, 100).users == 1


def test_the_timeline_counts_answers_when_they_came_and_latency_when_it_was_meant_to_start() -> None:
    samples = steady()
    stalled = (samples["intended_s"] >= 4) & (samples["intended_s"] < 5)
    samples["latency_s"][stalled] = 5.25 - samples["intended_s"][stalled]
    samples["outcome"][-1] = Failure.BROKEN
    moments = timeline(samples, 1.0, 10.0)
    assert len(moments) == 20
    stall = [moment for moment in moments if 3 <= moment.at_s < 4]
    assert [round(moment.answered_rps) for moment in stall] == [2, 0]
    assert stall[0].p99_ms > 1200
    assert moments[8].answered_rps == pytest.approx(298, abs=4)
    assert [moment.errors for moment in moments][-1] == 1


def test_samples_still_being_written_are_read_up_to_the_last_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "samples.bin"
    assert len(read_samples(path)) == 0
    path.write_bytes(steady(3).tobytes() + b"half a sample")
    assert len(read_samples(path)) == 3
    assert read_samples(path, RECORD.itemsize)["intended_s"].tolist() == [0.01, 0.02]


def test_outcomes_have_words() -> None:
    outcomes = (0, Failure.TIMEOUT, Failure.REFUSED, Failure.BROKEN, Failure.MALFORMED, 503)
    words = ["ok", "timeout", "connection refused", "connection broken", "not HTTP", "HTTP 503"]
    assert [describe_outcome(outcome) for outcome in outcomes] == words
