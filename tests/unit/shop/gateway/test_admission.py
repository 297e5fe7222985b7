"""The limit of requests at once."""

from __future__ import annotations

from shop.gateway.domain.admission import AdaptiveLimit
from shop.gateway.settings import GatewaySettings

SETTINGS = GatewaySettings(limit=10, limit_min=4, limit_max=12, target_ms=20)


def answered(limit: AdaptiveLimit, seconds: float, at_once: int) -> None:
    entered = [limit.enter() for _ in range(at_once)]
    for _ in filter(None, entered):
        limit.leave(seconds)


def test_no_more_come_in_than_the_limit_says_and_some_have_more_room() -> None:
    limit = AdaptiveLimit(SETTINGS)
    assert [limit.enter() for _ in range(11)] == [True] * 10 + [False]
    assert limit.enter(2)
    limit.leave(0.001)
    limit.leave(0.001)
    assert limit.enter()


def test_quick_answers_raise_a_limit_that_is_used_up() -> None:
    limit = AdaptiveLimit(SETTINGS)
    for _ in range(5):
        answered(limit, 0.001, 12)
        limit.adjust()
    assert limit.limit == 12


def test_a_limit_that_nobody_needs_stays() -> None:
    limit = AdaptiveLimit(SETTINGS)
    answered(limit, 0.001, 3)
    limit.adjust()
    assert limit.limit == 10


def test_slow_answers_lower_the_limit_to_its_lower_bound() -> None:
    limit = AdaptiveLimit(SETTINGS)
    answered(limit, 0.03, 10)
    limit.adjust()
    assert limit.limit == 8.5
    for _ in range(20):
        answered(limit, 0.03, 10)
        limit.adjust()
    assert limit.limit == 4


def test_a_late_event_loop_lowers_the_limit() -> None:
    limit = AdaptiveLimit(SETTINGS)
    limit.adjust(0.05)
    assert limit.limit == 8.5


def test_one_slow_answer_of_a_few_does_not_lower_the_limit() -> None:
    limit = AdaptiveLimit(SETTINGS)
    answered(limit, 0.001, 9)
    answered(limit, 0.03, 1)
    limit.adjust()
    assert limit.limit >= 10
