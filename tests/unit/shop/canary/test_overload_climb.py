from __future__ import annotations

import pytest

from servekit.errors import NotReadyError
from shop.commands.overload import Overload, accepted_p99_ms, climb
from shop.load.answered import Answered, Offered
from workbench.load import Failure, Phase


class FakeWorkers:
    """Offers to a level that answers so many a second, and turns the rest away."""

    def __init__(self, capacity_rps: float, refused: int = 429) -> None:
        self._capacity, self._refused = capacity_rps, refused

    def offer(self, *profile: Phase) -> Offered:
        ((rate_rps, seconds),) = profile
        offered, good = int(rate_rps * seconds), int(min(rate_rps, self._capacity) * seconds)
        answers = [Answered(0, 0, 0.01, 200 if number < good else self._refused) for number in range(offered)]
        return Offered(rate_rps, seconds, answers, 0.1)


def test_the_climb_ends_when_more_brings_no_more() -> None:
    climbed = list(climb(FakeWorkers(500), 2))  # type: ignore[arg-type]
    assert [round(each.goodput_rps(0.05)) for each in climbed] == [200, 250, 312, 390, 488, 500, 500, 500]
    assert climbed[-1].shed > 0


def test_where_nothing_answers_there_is_no_climb() -> None:
    with pytest.raises(NotReadyError, match="nothing answers: run make up-3"):
        list(climb(FakeWorkers(0, refused=Failure.REFUSED), 1))  # type: ignore[arg-type]


def test_what_is_late_degraded_or_refused_is_no_goodput() -> None:
    def answer(latency_s: float, status: int, *, degraded: bool = False) -> Answered:
        return Answered(0, 0, latency_s, status, degraded=degraded)

    answers = [
        answer(0.01, 200),
        answer(0.2, 200),
        answer(0.01, 200, degraded=True),
        answer(0.01, 429),
        answer(2, Failure.TIMEOUT),
    ]
    offered = Offered(5, 1, answers, 0.1)
    assert (offered.goodput_rps(0.05), offered.shed, offered.failed, offered.degraded) == (1, 1, 1, 1)


def asked_for(slow: int, of: int = 1000, seconds: int = 5) -> Offered:
    """Answers, so many of them in 60 ms, the others in 30, evenly over the window."""
    late = set(range(0, of, of // slow)) if slow else set()
    answers = [Answered(2 + seconds * n / of, 0, 0.06 if n in late else 0.03, 200) for n in range(of)]
    return Offered(of / seconds, seconds, answers, 0.1)


def overload(slow: int, *rounds_kept: float, failed: int = 0) -> Overload:
    low, high = accepted_p99_ms([asked_for(slow)] * 3)
    return Overload(
        peak_rps=200, offered_rps=600, goodput_rps=190, kept=0.9, accepted_p99_ms=30, shed=0, failed=failed, degraded=0,
        generator_cpu=0.1, generator_lag_p99_ms=1, afterwards_goodput_share=1, climbed=[], changes=[], hardware={},
        rounds_kept=list(rounds_kept), accepted_low_ms=low, accepted_high_ms=high,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("slow", "rounds_kept", "verdict"),
    [
        (0, (0.93, 0.92, 0.91), "holds"),
        (4, (0.93, 0.92, 0.91), "holds"),
        (10, (0.93, 0.92, 0.91), "too close to tell"),
        (20, (0.93, 0.92, 0.91), "broken"),
        (0, (0.93, 0.89, 0.91), "too close to tell"),
        (0, (0.88, 0.89, 0.87), "broken"),
    ],
)
def test_the_verdict_on_an_overload_is_what_the_rounds_prove(
    slow: int, rounds_kept: tuple[float, ...], verdict: str
) -> None:
    assert overload(slow, *rounds_kept).verdict == verdict


def test_a_failure_breaks_the_promise_and_too_few_answers_prove_nothing() -> None:
    assert overload(0, 0.95, 0.95, 0.95, failed=1).verdict == "broken"
    assert accepted_p99_ms([asked_for(0, of=50)] * 3) == (30.0, None)
    assert accepted_p99_ms([Offered(0, 1, [], 0)]) == (0.0, None)
