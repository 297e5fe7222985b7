from __future__ import annotations

import numpy as np
import pytest

from recommender.training.evaluation import evaluate

ITEMS = 30


def one_user(ranking: list[int], relevant: list[int], seen: list[int] | None = None) -> tuple[float, float, float]:
    scores = np.zeros((1, ITEMS))
    scores[0, ranking] = -np.arange(len(ranking))
    scores[0, [item for item in range(ITEMS) if item not in ranking]] = -100
    masks = np.zeros((2, 1, ITEMS), bool)
    masks[0, 0, seen or []] = True
    masks[1, 0, relevant] = True
    quality = evaluate(scores, masks[0], masks[1])
    return quality.ndcg_at_10, quality.recall_at_20, quality.coverage_at_10


def test_a_perfect_ranking_is_one() -> None:
    assert one_user([3, 4, 5], [3, 4, 5])[:2] == (1, 1)


def test_a_hit_in_the_second_place_is_discounted_by_the_logarithm_of_three() -> None:
    ndcg, recall, _ = one_user([3, 4], [4])
    assert ndcg == pytest.approx(1 / np.log2(3))
    assert recall == 1


def test_what_was_seen_before_is_not_ranked() -> None:
    assert one_user([3, 4], [4], seen=[3])[0] == 1


def test_a_hit_beyond_the_twentieth_place_counts_for_nothing() -> None:
    assert one_user(list(range(25)), [22])[:2] == (0, 0)


def test_with_more_than_ten_relevant_items_ten_are_enough_for_a_perfect_start() -> None:
    ndcg, recall, _ = one_user(list(range(15)), list(range(15)))
    assert ndcg == pytest.approx(1)
    assert recall == 1


def test_coverage_counts_items_recommended_to_anybody() -> None:
    scores = np.tile(np.arange(ITEMS, dtype=float), (5, 1))
    none, some = np.zeros((5, ITEMS), bool), np.zeros((5, ITEMS), bool)
    some[:, 0] = True
    assert evaluate(scores, none, some).coverage_at_10 == pytest.approx(10 / ITEMS)


def test_users_with_nothing_to_find_do_not_count() -> None:
    scores = np.zeros((2, ITEMS))
    scores[0, 5] = 1
    relevant = np.zeros((2, ITEMS), bool)
    relevant[0, 5] = True
    assert evaluate(scores, np.zeros_like(relevant), relevant).rounded() == {
        "ndcg_at_10": 1.0, "recall_at_20": 1.0, "coverage_at_10": pytest.approx(10 / ITEMS, abs=1e-4),
    }  # fmt: skip


def test_a_model_that_tells_nothing_apart_is_as_good_as_chance() -> None:
    """The first ids went to what everybody has watched, so the catalogue's order alone would be a good model."""
    rng = np.random.default_rng(7)
    relevant = rng.random((2_000, ITEMS)) < 0.5 / (np.arange(ITEMS) + 1)
    seen = np.zeros_like(relevant)
    chance, constant, by_id = (
        evaluate(scores, seen, relevant)
        for scores in (rng.random(seen.shape), np.zeros(seen.shape), np.tile(-np.arange(ITEMS), (2_000, 1)))
    )
    assert by_id.ndcg_at_10 > 1.5 * chance.ndcg_at_10
    assert constant.ndcg_at_10 == pytest.approx(chance.ndcg_at_10, abs=0.02)
    assert chance.users == int(relevant.any(axis=1).sum())
    assert 0 < chance.recall_margin < 0.03
    assert constant.recall_at_20 == pytest.approx(chance.recall_at_20, abs=0.02)
