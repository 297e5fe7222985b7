from __future__ import annotations

import numpy as np
import pytest

from shop.features.ranking import CATEGORIES, ITEM, STYLE, USER, Query, build
from shop.features.store import ITEM_WIDTH, RANKING_WIDTH, USER_WIDTH
from shop.world.catalogue import CATEGORIES as NAMES
from shop.world.catalogue import STYLE as WORLD_STYLE

RNG = np.random.default_rng(7)
USER_BLOCK = RNG.normal(size=USER_WIDTH).astype(np.float32)
ITEMS = RNG.normal(size=(20, ITEM_WIDTH)).astype(np.float32)
QUERY, CROSS = USER_WIDTH + ITEM_WIDTH, USER_WIDTH + ITEM_WIDTH + 2 + CATEGORIES
COMPARED = slice(CROSS + 9, RANKING_WIDTH)


def test_the_features_begin_with_the_stored_blocks() -> None:
    features = build(Query(3), USER_BLOCK, ITEMS)
    assert features.shape == (20, RANKING_WIDTH)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[:, :USER_WIDTH], np.tile(USER_BLOCK, (20, 1)))
    np.testing.assert_array_equal(features[:, USER_WIDTH:QUERY], ITEMS)


def test_a_query_without_a_price_leaves_the_prices_columns_empty() -> None:
    without, with_price = build(Query(3), USER_BLOCK, ITEMS), build(Query(3, 20.0), USER_BLOCK, ITEMS)
    prices = [QUERY, QUERY + 1, CROSS, CROSS + 1]
    assert not without[:, prices].any()
    np.testing.assert_allclose(with_price[0, [QUERY, QUERY + 1]], [1, np.log(20)], rtol=1e-6)
    np.testing.assert_allclose(with_price[:, CROSS], ITEMS[:, ITEM["price"]] - np.log(20), rtol=1e-4, atol=1e-6)
    others = np.setdiff1d(np.arange(RANKING_WIDTH), prices)
    np.testing.assert_array_equal(without[:, others], with_price[:, others])


@pytest.mark.parametrize("category", [0, 15])
def test_the_category_is_one_hot_and_meets_the_items(category: int) -> None:
    features = build(Query(category), USER_BLOCK, ITEMS)
    np.testing.assert_array_equal(features[0, QUERY + 2 : CROSS], np.eye(CATEGORIES)[category])
    np.testing.assert_array_equal(features[:, CROSS + 2], ITEMS[:, 16 + category])


def test_taste_and_price_level_meet_the_items() -> None:
    features = build(Query(3), USER_BLOCK, ITEMS)
    np.testing.assert_allclose(features[:, CROSS + 5], ITEMS[:, 32:44] @ USER_BLOCK[8:20], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features[:, CROSS + 6], ITEMS[:, 44:56] @ USER_BLOCK[20:32], rtol=1e-4, atol=1e-5)
    expected = np.abs(ITEMS[:, ITEM["tier"]] - USER_BLOCK[USER["tier"]])
    np.testing.assert_array_equal(features[:, CROSS + 4], expected)


def test_only_the_columns_that_compare_depend_on_the_other_candidates() -> None:
    together, alone = build(Query(3, 9.5), USER_BLOCK, ITEMS), build(Query(3, 9.5), USER_BLOCK, ITEMS[4:5])
    np.testing.assert_allclose(together[4, : COMPARED.start], alone[0, : COMPARED.start], rtol=1e-4, atol=1e-5)
    assert not alone[0, COMPARED].any()
    np.testing.assert_allclose(together[:, COMPARED].mean(axis=0), 0, atol=1e-6)


def test_strangers_have_features() -> None:
    features = build(Query(3, 9.5), np.zeros(USER_WIDTH, np.float32), np.zeros((3, ITEM_WIDTH), np.float32))
    assert np.isfinite(features).all()
    assert len(build(Query(3), USER_BLOCK, np.zeros((1, ITEM_WIDTH), np.float32))) == 1


def test_the_model_and_the_world_agree_on_categories_and_style() -> None:
    assert (len(NAMES), WORLD_STYLE) == (CATEGORIES, STYLE)
