"""The rollout's operating characteristic, with fewer rollouts than ``make verdicts`` makes."""

from __future__ import annotations

import pytest

from shop.canary.characteristics import HURRIED, outcomes
from workbench.verdicts import SEED


def test_candidates_like_stable_are_promoted() -> None:
    found = outcomes(0.0, SEED, 60)
    assert found["promoted"] >= 57
    assert found["rolled back"] == 0


@pytest.mark.parametrize("loss", [0.04, 0.1])
def test_candidates_that_lose_twice_the_margin_or_more_are_rolled_back(loss: float) -> None:
    found = outcomes(loss, SEED, 60)
    assert found["promoted"] <= 3
    assert found["rolled back"] >= 55


@pytest.mark.parametrize("loss", [0.1, 0.15])
def test_a_few_hundred_answers_promote_nobody(loss: float) -> None:
    assert outcomes(loss, SEED, 60, HURRIED)["promoted"] == 0
