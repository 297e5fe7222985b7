"""The columns that are watched for drift have the names of what is in them."""

from __future__ import annotations

import numpy as np

from shop.features import fraud, ranking
from shop.features.store import ENTITY_WIDTH, ITEM_WIDTH, USER_WIDTH
from shop.features.watched import WATCHED


def test_a_search_has_what_the_names_say() -> None:
    user, item = np.arange(1, USER_WIDTH + 1, dtype=np.float32), np.arange(101, 101 + ITEM_WIDTH, dtype=np.float32)
    (row,) = ranking.build(ranking.Query(3, 20.0), user, item.reshape(1, -1))
    found = {name: float(row[column]) for name, column in WATCHED["ranking"].items()}
    assert {name: found[f"user_{name}"] for name in ranking.USER} == {
        name: user[column] for name, column in ranking.USER.items()
    }
    assert {name: found[f"item_{name}"] for name in ranking.ITEM} == {
        name: item[column] for name, column in ranking.ITEM.items()
    }
    assert (found["price_named"], round(found["price"], 4)) == (1, round(float(np.log(20)), 4))


def test_a_payment_has_what_the_names_say() -> None:
    entities = np.arange(4 * ENTITY_WIDTH, dtype=np.float32).reshape(4, ENTITY_WIDTH)
    row = fraud.build(fraud.Payment(9.0, 1, 6), *entities)
    found = {name: float(row[column]) for name, column in WATCHED["fraud"].items()}
    for number, kind in enumerate(("user", "card", "device", "address")):
        for name, column in list(fraud.ENTITY.items())[:12]:
            assert found.pop(f"{kind}_{name}") == entities[number, column], f"{kind}_{name}"
    assert {name: round(value, 3) for name, value in found.items()} == {
        "amount": round(float(np.log1p(9)), 3),
        "hour_cos": 0,
        "hour_sin": 1,
        "resale": round(float(fraud.RESALE[1]), 3),
    }
