"""A model that hangs is left alone for a moment."""

from __future__ import annotations

import pytest

from shop.gateway.domain.breaker import Breaker

MODEL = ("ranking", "2")


class Clock:
    """A monotonic clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("shop.gateway.domain.breaker.monotonic", clock)
    return clock


def hang(breaker: Breaker, times: int, waited_s: float = 0.04) -> None:
    for _ in range(times):
        breaker.timed_out(*MODEL, waited_s)


def test_after_five_late_answers_in_a_row_it_opens_and_then_lets_one_probe_in(clock: Clock) -> None:
    breaker = Breaker(0.02)
    hang(breaker, 4)
    assert not breaker.is_open(*MODEL)
    hang(breaker, 1)
    assert breaker.is_open(*MODEL)
    assert not breaker.is_open("ranking", "1")
    clock.now += 0.3
    assert [breaker.is_open(*MODEL) for _ in range(3)] == [False, True, True]


def test_an_answer_ends_the_rest(clock: Clock) -> None:
    breaker = Breaker(0.02)
    hang(breaker, 9)
    clock.now += 0.3
    assert not breaker.is_open(*MODEL)
    breaker.answered(*MODEL)
    assert [breaker.is_open(*MODEL) for _ in range(3)] == [False, False, False]


@pytest.mark.usefixtures("clock")
def test_callers_in_a_hurry_do_not_make_it_rest() -> None:
    breaker = Breaker(0.02)
    hang(breaker, 50, waited_s=0.001)
    assert not breaker.is_open(*MODEL)
