"""What exercise 3 must do."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from course.exercises import expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = [("POST", 0, 14), ("preprocessor", 1, 4), ("model", 4, 10), ("postprocessor", 10, 13)]


def check_each_step_has_its_time_and_the_router_the_rest(answer: Path) -> None:
    expected = {"preprocessor": 3, "model": 6, "postprocessor": 3, "router": 2}
    expect_equal("the shares", load(answer).shares(PIPELINE), expected)


def check_a_trace_may_begin_at_any_time_and_in_any_order(answer: Path) -> None:
    later = [(name, start + 1000, end + 1000) for name, start, end in PIPELINE]
    expected = {"preprocessor": 3, "model": 6, "postprocessor": 3, "router": 2}
    expect_equal("the shares", load(answer).shares([later[0], *reversed(later[1:])]), expected)


def check_a_step_that_is_asked_twice_counts_with_both(answer: Path) -> None:
    trace = [("POST", 0, 10), ("model", 1, 3), ("model", 5, 9)]
    expect_equal("the shares", load(answer).shares(trace), {"model": 6, "router": 4})


def check_time_in_which_two_steps_run_is_not_subtracted_twice(answer: Path) -> None:
    trace = [("POST", 0, 10), ("ease", 1, 6), ("als", 2, 9)]
    expect_equal("the shares", load(answer).shares(trace), {"ease": 5, "als": 7, "router": 2})
    within = [("POST", 0, 10), ("ease", 1, 9), ("als", 2, 4), ("titles", 9, 10)]
    expect_equal("the shares", load(answer).shares(within), {"ease": 8, "als": 2, "titles": 1, "router": 1})


def check_a_request_without_steps_is_all_the_routers(answer: Path) -> None:
    expect_equal("the shares", load(answer).shares([("POST", 3, 5)]), {"router": 2})


def check_other_traces_are_read_by_the_same_rules(answer: Path) -> None:
    shares, random = load(answer).shares, Random()  # noqa: S311 - examples
    for _ in range(50):
        end = random.randint(5, 40)
        steps = []
        for name in random.choices(("ease", "als", "titles"), k=random.randint(1, 5)):
            first, last = sorted(random.sample(range(end + 1), 2))
            steps.append((name, first, last))
        expected = {name: sum(b - a for each, a, b in steps if each == name) for name, _, _ in steps}
        expected["router"] = sum(all(not a <= ms < b for _, a, b in steps) for ms in range(end))
        trace = [("POST", 0, end), *steps]
        expect_equal(f"shares({trace})", shares(trace), expected)


def check_the_culprit_is_what_grew_not_what_is_largest(answer: Path) -> None:
    culprit = load(answer).culprit
    fast = {"preprocessor": 3, "model": 6, "postprocessor": 3, "router": 1}
    expect_equal("the culprit", culprit(fast, {**fast, "model": 7, "postprocessor": 6}), "postprocessor")
    expect_equal("the culprit that the fast one has not", culprit(fast, {**fast, "retry": 40}), "retry")
