from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommender.domain.request import RecommendationRequest
from recommender.service.preparation import Preparation

if TYPE_CHECKING:
    from recommender.domain.catalogue import Catalogue
    from recommender.domain.interactions import Histories
    from recommender.domain.normalisation import Normalisation


@pytest.fixture
def preparation(normalisation: Normalisation, histories: Histories, films: Catalogue) -> Preparation:
    return Preparation(normalisation, histories, films)


def test_a_known_user_has_the_features_that_training_gave_them(
    preparation: Preparation, normalisation: Normalisation, histories: Histories
) -> None:
    trained = normalisation.matrix(histories)
    for row, user in enumerate(histories.users):
        prepared = preparation.prepare(RecommendationRequest(user=int(user)))
        np.testing.assert_array_equal(prepared.features[0], trained[row])
        assert not prepared.cold_start


def test_a_user_nobody_knows_is_the_typical_one(preparation: Preparation, normalisation: Normalisation) -> None:
    prepared = preparation.prepare(RecommendationRequest(user=9999))
    np.testing.assert_array_equal(prepared.features, normalisation.typical[None])
    assert prepared.cold_start
    assert len(prepared.rated) == 0


def test_ratings_make_a_user_nobody_knows_known(preparation: Preparation) -> None:
    prepared = preparation.prepare(RecommendationRequest(user=9999, ratings={101: 5, 103: 1}))
    assert not prepared.cold_start
    assert sorted(prepared.rated) == [0, 2]
    assert prepared.features[0, 0] > 1 > prepared.features[0, 2]


def test_ratings_in_the_request_win_over_the_history(preparation: Preparation, histories: Histories) -> None:
    known = histories.of_user(1)
    assert known is not None
    item, stars = int(known[0][0]), float(known[1][0])
    before = preparation.prepare(RecommendationRequest(user=1))
    after = preparation.prepare(RecommendationRequest(user=1, ratings={101 + item: 6 - stars}))
    assert sorted(after.rated) == sorted(before.rated)
    assert (after.features[0, item] > before.features[0, item]) == (6 - stars > stars)
