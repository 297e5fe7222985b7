from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from recommender.domain.interactions import Histories
    from recommender.domain.normalisation import Normalisation


def test_an_item_rated_as_usual_has_the_feature_one_and_one_not_rated_zero(normalisation: Normalisation) -> None:
    ratings = np.full(3, normalisation.global_mean, np.float32)
    features = normalisation.features(np.array([4, 5, 6], np.int32), ratings)
    assert features.shape == (1, 40)
    assert features.dtype == np.float32
    assert features[0, [4, 5, 6]] == pytest.approx(1, abs=1e-6)
    assert np.count_nonzero(features) == 3


def test_what_was_liked_more_than_usual_weighs_more(normalisation: Normalisation) -> None:
    features = normalisation.features(np.array([0, 1, 2], np.int32), np.array([1, 3, 5], np.float32))
    assert features[0, 0] < features[0, 1] < features[0, 2]


def test_two_users_with_another_scale_but_the_same_taste_are_alike(normalisation: Normalisation) -> None:
    items = np.arange(30, dtype=np.int32)
    strict = np.tile(np.array([1, 2], np.float32), 15)
    mild = normalisation.features(items, strict + 3)
    assert normalisation.features(items, strict) == pytest.approx(
        mild, abs=0.3
    )  # the means are shrunk, hence not equal


def test_a_users_mean_is_drawn_towards_everybodys(normalisation: Normalisation) -> None:
    one, many = (normalisation.usual(np.full(n, 5, np.float32)) for n in (1, 1000))
    assert normalisation.global_mean < one < 4 < many < 5


def test_the_centred_ratings_are_scaled_to_a_deviation_of_one(
    normalisation: Normalisation, histories: Histories
) -> None:
    matrix = normalisation.matrix(histories)
    centred = (matrix[matrix != 0] - 1) / normalisation.weight
    assert centred.std() == pytest.approx(1, abs=0.01)


def test_the_typical_user_watched_what_most_watched(normalisation: Normalisation, histories: Histories) -> None:
    (watched,) = np.nonzero(normalisation.typical)
    counts = np.bincount(histories.items, minlength=40)
    assert len(watched) == 20  # everybody rated 20
    assert counts[watched].min() >= np.sort(counts)[-20]
