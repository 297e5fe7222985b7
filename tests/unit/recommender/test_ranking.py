from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recommender.domain.ranking import Candidates, rank, recommendation
from recommender.domain.stock import Stock

if TYPE_CHECKING:
    from recommender.domain.catalogue import Catalogue

NONE = np.zeros(0, np.int32)
IN_STOCK = np.zeros(40, bool)
SCORES = np.linspace(1, 0, 40)


def test_the_best_come_first_and_equals_in_catalogue_order() -> None:
    assert rank(np.array([1, 3, 2, 3]), np.ones(4, bool), 3).tolist() == [1, 3, 2]


def test_items_that_are_rated_of_another_genre_or_out_of_stock_are_dropped(films: Catalogue) -> None:
    out = IN_STOCK.copy()
    out[[2, 3]] = True
    candidates = Candidates.of(np.array([0, 1], np.int32), films.of_genre["Comedy"], out)
    answer = recommendation(SCORES, candidates, 2, films)
    assert [item["id"] for item in answer["items"]] == [105, 107]
    assert answer["items"][0] == {"id": 105, "title": "Film 4 (1990)", "score": round(float(SCORES[4]), 6)}
    assert "reason" not in answer


def test_each_filter_counts_what_the_ones_before_it_left(films: Catalogue) -> None:
    candidates = Candidates.of(np.arange(10, dtype=np.int32), films.of_genre["Western"], ~IN_STOCK)
    assert (candidates.rated, candidates.genre, candidates.stock) == (10, 15, 15)


def test_everything_out_of_stock_is_an_empty_list_with_a_reason(films: Catalogue) -> None:
    answer = recommendation(SCORES, Candidates.of(NONE, None, ~IN_STOCK), 10, films)
    assert answer == {
        "items": [],
        "reason": "none of 40 items left: 0 already rated, 0 of another genre, 40 out of stock",
    }


def test_fewer_than_asked_for_are_explained(films: Catalogue) -> None:
    candidates = Candidates.of(np.arange(38, dtype=np.int32), None, IN_STOCK)
    answer = recommendation(SCORES, candidates, 10, films)
    assert [item["id"] for item in answer["items"]] == [139, 140]
    assert answer["reason"] == "2 of 40 items left: 38 already rated, 0 of another genre, 0 out of stock"


def test_stock_heard_of_just_now_is_fresh_and_any_other_stale() -> None:
    assert Stock(IN_STOCK).tag == "fresh"
    assert Stock(IN_STOCK, 0.0).tag == "stale"
