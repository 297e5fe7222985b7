from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.metrics import auc, average_precision, calibration_error, ndcg, recall_at_false_positives

if TYPE_CHECKING:
    from types import ModuleType

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


def test_equal_scores_keep_the_order_of_the_rows() -> None:
    gains, start = np.array([1.0, 0.0]), np.array([0, 2])
    assert ndcg(np.zeros(2), gains, start) == 1
    assert ndcg(np.zeros(2), gains[::-1], start) < 1


@given(st.floats(0.01, 0.5))
def test_no_more_negatives_than_promised_pass_the_threshold(rate: float) -> None:
    recall = recall_at_false_positives(SCORES, POSITIVE, rate)
    passing = np.sort(SCORES[POSITIVE])[::-1][: round(recall * POSITIVE.sum())]
    threshold = passing.min() if len(passing) else np.inf
    assert (SCORES[~POSITIVE] >= threshold).sum() <= rate * (~POSITIVE).sum()


def test_the_calibration_error_is_the_distance_between_promise_and_truth() -> None:
    assert calibration_error(np.full(100, 0.3), np.arange(100) % 10 < 3) == pytest.approx(0)
    assert calibration_error(np.full(100, 0.5), np.arange(100) % 10 < 3) == pytest.approx(0.2)


def test_nothing_to_find_is_no_error() -> None:
    none = np.zeros(5, bool)
    assert auc(np.arange(5.0), none) == 0.5
    assert average_precision(np.arange(5.0), none) == 0
    assert recall_at_false_positives(np.arange(5.0), none) == 0
    assert ndcg(np.arange(5.0), np.zeros(5), np.array([0, 5])) == 0
