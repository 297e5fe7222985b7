from __future__ import annotations

import random

import pytest

from workbench.bench import all_of, at_least, at_most


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([2.1, 2.2, 2.0], "met"),
        ([2.1, 1.9, 2.3], "too close to tell"),
        ([1.1, 1.9, 1.3], "missed"),
        ([], "too close to tell"),
    ],
)
def test_a_goal_is_met_when_every_round_meets_it(rounds: list[float], said: str) -> None:
    assert at_least(rounds, 2) == said
    assert at_most([-value for value in rounds], -2) == said


def test_one_goal_missed_misses_all_and_one_too_close_leaves_them_open() -> None:
    assert all_of(["met", "met"]) == "met"
    assert all_of(["met", "too close to tell"]) == "too close to tell"
    assert all_of(["too close to tell", "missed"]) == "missed"


def test_six_rounds_whose_truth_is_the_goal_are_seldom_all_on_one_side() -> None:
    draw = random.Random(3)
    said = [at_least([draw.lognormvariate(0, 0.1) for _ in range(6)], 1.0) for _ in range(2000)]
    assert 0.005 < said.count("met") / 2000 < 0.03  # in truth 1 of 64
    assert 0.005 < said.count("missed") / 2000 < 0.03
