from __future__ import annotations

import importlib
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.metrics import (
    RankedRows,
    auc,
    average_precision,
    calibration_error,
    ndcg,
    ndcg_of_hits,
    recall_at_false_positives,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import NDArray

RNG = np.random.default_rng(7)
SCORES = RNG.permutation(200) / 200
POSITIVE = RNG.random(200) < 0.2 + 0.5 * SCORES


@pytest.fixture(scope="module")
def learned() -> ModuleType:
    """scikit-learn's metrics; importing them takes a second, which each worker would spend."""
    return importlib.import_module("sklearn.metrics")


def test_auc_and_average_precision_are_those_of_scikit_learn(learned: ModuleType) -> None:
    assert auc(SCORES, POSITIVE) == pytest.approx(learned.roc_auc_score(POSITIVE, SCORES))
    assert auc(SCORES.round(1), POSITIVE) == pytest.approx(learned.roc_auc_score(POSITIVE, SCORES.round(1)))
    assert average_precision(SCORES, POSITIVE) == pytest.approx(learned.average_precision_score(POSITIVE, SCORES))


def test_ndcg_is_that_of_scikit_learn_over_the_lists_with_a_gain(learned: ModuleType) -> None:
    start = np.array([0, 30, 70, 80, 200])
    gains = np.where(POSITIVE, RNG.integers(1, 4, 200), 0).astype(np.float64)
    gains[70:80] = 0
    lists = [slice(0, 30), slice(30, 70), slice(80, 200)]
    expected = [learned.ndcg_score([gains[each]], [SCORES[each]], k=10) for each in lists]
    assert ndcg(SCORES, gains, start) == pytest.approx(np.mean(expected))


def test_equal_scores_are_worth_the_mean_of_their_orders() -> None:
    gains, start = np.array([1.0, 0.0]), np.array([0, 2])
    expected = (1 + 1 / np.log2(3)) / 2
    assert ndcg(np.zeros(2), gains, start) == pytest.approx(expected)
    assert ndcg(np.zeros(2), gains[::-1], start) == pytest.approx(expected)


def test_a_model_that_tells_nothing_apart_is_as_good_as_chance() -> None:
    """What was shown higher was clicked more, and the rows are in the order of the page."""
    rng = np.random.default_rng(7)
    start = np.arange(0, 30_001, 30)
    place = np.arange(30_000) % 30
    gains = (rng.random(30_000) < 0.4 / (place + 1)).astype(float)
    by_chance, by_page = (ndcg(scores, gains, start) for scores in (rng.random(30_000), -place.astype(float)))
    assert by_page > 2 * by_chance
    assert ndcg(np.zeros(30_000), gains, start) == pytest.approx(by_chance, abs=0.01)
    clicked = gains > 0
    chance = average_precision(rng.random(30_000), clicked)
    assert average_precision(np.zeros(30_000), np.sort(clicked)[::-1]) == pytest.approx(chance, abs=0.01)


def test_average_precision_is_the_mean_over_the_orders_of_ties() -> None:
    scores, positive = np.array([2, 1, 1, 1, 1, 0.0]), np.array([0, 1, 0, 1, 1, 1], bool)
    orders = [[0, *tie, 5] for tie in permutations([1, 2, 3, 4])]
    falling = -np.arange(6.0)
    expected = np.mean([average_precision(falling, positive[order]) for order in orders])
    assert average_precision(scores, positive) == pytest.approx(expected)


def test_rows_may_count_several_times_and_not_at_all() -> None:
    scores, times = SCORES.round(1), RNG.integers(0, 4, 200)
    ranked = RankedRows.of(scores, POSITIVE)
    repeated, labels = np.repeat(scores, times), np.repeat(POSITIVE, times)
    assert ranked.auc(times) == pytest.approx(auc(repeated, labels))
    assert ranked.average_precision(times) == pytest.approx(average_precision(repeated, labels))


@pytest.mark.parametrize("measure", [auc, average_precision])
def test_scores_that_are_no_numbers_have_no_quality(
    measure: Callable[[NDArray[np.float64], NDArray[np.bool_]], float],
) -> None:
    scores = np.where(np.arange(200) == 7, np.nan, SCORES)
    assert np.isnan(measure(scores, POSITIVE))
    assert np.isnan(ndcg(scores, POSITIVE.astype(float), np.array([0, 200])))


@given(st.floats(0.01, 0.5))
def test_no_more_negatives_than_promised_pass_the_threshold(rate: float) -> None:
    recall = recall_at_false_positives(SCORES, POSITIVE, rate)
    passing = np.sort(SCORES[POSITIVE])[::-1][: round(recall * POSITIVE.sum())]
    threshold = passing.min() if len(passing) else np.inf
    assert (SCORES[~POSITIVE] >= threshold).sum() <= rate * (~POSITIVE).sum()


def test_the_calibration_error_is_the_distance_between_promise_and_truth() -> None:
    assert calibration_error(np.full(100, 0.3), np.arange(100) % 10 < 3) == pytest.approx(0)
    assert calibration_error(np.full(100, 0.5), np.arange(100) % 10 < 3) == pytest.approx(0.2)
    assert calibration_error(np.full(100, 0.3), np.arange(100) < 30) == pytest.approx(0)


def test_nothing_to_find_is_no_error() -> None:
    none = np.zeros(5, bool)
    assert auc(np.arange(5.0), none) == 0.5
    assert average_precision(np.arange(5.0), none) == 0
    assert recall_at_false_positives(np.arange(5.0), none) == 0
    assert ndcg(np.arange(5.0), np.zeros(5), np.array([0, 5])) == 0


def test_ndcg_of_hits_is_that_of_scikit_learn_over_all_items(learned: ModuleType) -> None:
    """A list of the best 30 of 200 items; what is not on it counts in the ideal alone."""
    order = np.argsort(-SCORES)[:30]
    found = ndcg_of_hits(POSITIVE[order][None], np.array([POSITIVE.sum()]))
    assert found == pytest.approx(learned.ndcg_score([POSITIVE], [SCORES], k=10))
