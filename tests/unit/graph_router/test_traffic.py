from __future__ import annotations

from collections import Counter
from random import Random

from graph_router.domain.graph import Deployment, Predictor, Unit
from graph_router.service.traffic import Traffic

LEAF = Unit("m", frozenset())


def test_requests_are_split_by_weight() -> None:
    predictors = (Predictor("a", LEAF, 90), Predictor("b", LEAF, 10), Predictor("c", LEAF, 0))
    traffic = Traffic(Deployment("test", predictors), Random(1))
    drawn = Counter(traffic.predictor().name for _ in range(10_000))
    assert set(drawn) == {"a", "b"}
    assert abs(drawn["b"] - 1000) < 120  # four standard deviations


def test_a_lone_predictor_gets_everything() -> None:
    assert {Traffic(Deployment("test", (Predictor("a", LEAF),))).predictor().name for _ in range(10)} == {"a"}


def test_each_shadow_gets_its_percentage_of_copies() -> None:
    shadows = (Predictor("a", LEAF), Predictor("s", LEAF, 100, shadow=True), Predictor("t", LEAF, 25, shadow=True))
    traffic = Traffic(Deployment("test", shadows), Random(1))
    drawn = Counter(shadow.name for _ in range(10_000) for shadow in traffic.shadows())
    assert drawn["s"] == 10_000
    assert abs(drawn["t"] - 2500) < 180
