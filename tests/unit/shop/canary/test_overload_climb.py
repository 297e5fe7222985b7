from __future__ import annotations

import pytest

from servekit.errors import NotReadyError
from shop.entrypoints.open_loop import NO_ANSWER, Answered, Offered, Phase
from shop.entrypoints.overload import climb


class FakeCrew:
    """Offers to a level that answers so many a second, and turns the rest away."""

    def __init__(self, capacity_rps: float, refused: int = 429) -> None:
        self._capacity, self._refused = capacity_rps, refused

    def offer(self, *profile: Phase) -> Offered:
        ((rate_rps, seconds),) = profile
        offered, good = int(rate_rps * seconds), int(min(rate_rps, self._capacity) * seconds)
        answers = [
            Answered(0, 0, 0.01, 200 if number < good else self._refused, degraded=False, retry_after=False)
            for number in range(offered)
        ]
        return Offered(rate_rps, seconds, answers, 0.1)


def test_the_climb_ends_when_more_brings_no_more() -> None:
    climbed = list(climb(FakeCrew(500), 2))  # type: ignore[arg-type]
    assert [round(each.goodput_rps(0.05)) for each in climbed] == [200, 250, 312, 390, 488, 500, 500, 500]
    assert climbed[-1].shed > 0


def test_where_nothing_answers_there_is_no_climb() -> None:
    with pytest.raises(NotReadyError, match="nothing answers: run make up-3"):
        list(climb(FakeCrew(0, refused=NO_ANSWER), 1))  # type: ignore[arg-type]


def test_what_is_late_degraded_or_refused_is_no_goodput() -> None:
    def answer(latency_s: float, status: int, *, degraded: bool = False) -> Answered:
        return Answered(0, 0, latency_s, status, degraded=degraded, retry_after=False)

    answers = [answer(0.01, 200), answer(0.2, 200), answer(0.01, 200, degraded=True), answer(0.01, 429), answer(2, 0)]
    offered = Offered(5, 1, answers, 0.1)
    assert (offered.goodput_rps(0.05), offered.shed, offered.failed, offered.degraded) == (1, 1, 1, 1)
