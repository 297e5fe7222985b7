from __future__ import annotations

from itertools import permutations

import numpy as np

from servekit.ties import mean_over_ties


def test_each_place_is_worth_the_mean_over_every_order_of_its_tie() -> None:
    scores, values = np.array([1.0, 2.0, 1.0, 1.0, 0.5]), np.array([3.0, 0.0, 1.0, 0.0, 7.0])
    orders = [[1, *tie, 4] for tie in permutations([0, 2, 3])]
    expected = np.mean([values[order] for order in orders], axis=0)
    np.testing.assert_allclose(mean_over_ties(values, scores, np.array([0, 5])), expected)


def test_without_ties_the_ranking_is_the_order_of_the_scores() -> None:
    scores = np.array([0.1, 0.3, 0.2])
    assert mean_over_ties(np.array([1.0, 2.0, 3.0]), scores, np.array([0, 3])).tolist() == [2, 3, 1]


def test_equal_scores_of_two_lists_are_no_tie() -> None:
    found = mean_over_ties(np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(4), np.array([0, 2, 4]))
    assert found.tolist() == [0.5, 0.5, 0, 0]


def test_a_score_that_is_no_number_has_no_place() -> None:
    found = mean_over_ties(np.array([1.0, 0.0, 1.0]), np.array([0.5, np.nan, 0.5]), np.array([0, 3]))
    assert np.isnan(found).any()
