"""What exercise 0 must do."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from course.exercises import expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

STATUSES = (200, 204, 404, 422, 429, 500, 503, 504)


def check_an_answer_of_500_is_a_failure(answer: Path) -> None:
    availability = load(answer).availability
    expect_equal("availability([200, 500])", availability([200, 500]), 0.5)
    expect_equal("availability([503])", availability([503]), 0.0)


def check_a_mistake_of_the_caller_is_none(answer: Path) -> None:
    expect_equal("availability([200, 404, 422, 499])", load(answer).availability([200, 404, 422, 499]), 1.0)


def check_without_answers_nothing_has_failed(answer: Path) -> None:
    expect_equal("availability([])", load(answer).availability([]), 1.0)


def check_any_other_list_is_right_too(answer: Path) -> None:
    availability, random = load(answer).availability, Random()  # noqa: S311 - examples
    for _ in range(50):
        statuses = random.choices(STATUSES, k=random.randint(1, 12))
        good = len([status for status in statuses if status // 100 != 5])  # noqa: PLR2004 - 5xx
        expect_equal(f"round(availability({statuses}), 9)", round(availability(statuses), 9),
                     round(good / len(statuses), 9))  # fmt: skip
