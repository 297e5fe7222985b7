from __future__ import annotations

import numpy as np

from shop.features.fraud import ENTITY, RESALE, Payment, build, build_many
from shop.features.store import ENTITY_WIDTH, FRAUD_WIDTH
from shop.world.catalogue import RESALE as WORLD_RESALE

RNG = np.random.default_rng(7)
ENTITIES = [RNG.random((50, ENTITY_WIDTH)).astype(np.float32) for _ in range(4)]
AMOUNTS = RNG.lognormal(3, 1, 50).astype(np.float32)
CATEGORIES, HOURS = RNG.integers(0, 16, 50), RNG.integers(0, 24, 50)


def test_a_payment_alone_has_the_features_it_has_among_others() -> None:
    together = build_many(AMOUNTS, CATEGORIES, HOURS, ENTITIES)
    for row in range(50):
        payment = Payment(float(AMOUNTS[row]), int(CATEGORIES[row]), int(HOURS[row]))
        np.testing.assert_array_equal(build(payment, *(entity[row] for entity in ENTITIES)), together[row])


def test_the_features_end_with_twelve_floats_of_each_entity() -> None:
    features = build(Payment(20.0, 3, 14), *(entity[0] for entity in ENTITIES))
    assert features.shape == (FRAUD_WIDTH,)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[16:], np.concatenate([entity[0, :12] for entity in ENTITIES]))


def test_an_amount_is_no_surprise_where_nothing_is_usual_yet() -> None:
    nobody = np.zeros(ENTITY_WIDTH, np.float32)
    features = build(Payment(1e6, 4, 3), nobody, nobody, nobody, nobody)
    assert np.isfinite(features).all()
    assert not features[5:].any()
    assert features[0] == np.log1p(np.float32(1e6))


def test_a_surprise_is_counted_in_spreads() -> None:
    someone = np.zeros(ENTITY_WIDTH, np.float32)
    someone[[ENTITY["known"], ENTITY["mean_amount"], ENTITY["spread"]]] = 1, 3, 0.5
    amount = float(np.expm1(5.0))
    assert abs(build(Payment(amount, 0, 0), someone, *np.zeros((3, ENTITY_WIDTH), np.float32))[5] - 2) < 1e-5


def test_the_usual_category_is_noticed() -> None:
    someone, nobody = np.zeros(ENTITY_WIDTH, np.float32), np.zeros(ENTITY_WIDTH, np.float32)
    someone[[ENTITY["known"], ENTITY["category"]]] = 1, 5
    assert build(Payment(9.0, 5, 0), someone, nobody, nobody, nobody)[11] == 1
    assert build(Payment(9.0, 6, 0), someone, nobody, nobody, nobody)[11] == 0
    assert build(Payment(9.0, 0, 0), nobody, nobody, nobody, nobody)[11] == 0


def test_the_model_knows_what_sells_on_as_the_world_does() -> None:
    np.testing.assert_array_equal(RESALE, WORLD_RESALE.astype(np.float32))
