"""The three endpoints, asked over HTTP: what they answer, and what they asked the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from shop.features.fraud import Payment
from shop.features.fraud import build as fraud_features
from shop.features.ranking import Query
from shop.features.ranking import build as ranking_features
from tests.integration.shop.gateway.conftest import POPULAR
from tests.patience import until

if TYPE_CHECKING:
    from tests.integration.shop.gateway.conftest import GatewayProcess
    from tests.integration.shop.gateway.fake_models import FakeModels

SEARCH = {"user": 3, "query": {"category": 2, "price": 25.0}, "candidates": [5, 250, 17], "k": 2}
PAYMENT = {
    "payment": "p-1", "user": 3, "card": 4, "device": 5, "ip": 6, "amount": 25.0, "category": 2, "hour": 14,
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/recommendations", {"user": 7, "k": None}),
        ("/v1/search", {"user": 3, "query": {"category": 2, "price": None}, "candidates": [5, 250, 17], "k": None}),
    ],
)
def test_an_optional_field_that_is_null_is_absent(gateway: GatewayProcess, path: str, body: dict[str, Any]) -> None:
    absent = {name: value for name, value in body.items() if value is not None}
    answers = [gateway.client.post(path, json=sent) for sent in (body, absent)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


def test_recommendations_are_the_models_best_items(gateway: GatewayProcess, models: FakeModels) -> None:
    answer = gateway.client.post("/v1/recommendations", json={"user": 7, "k": 3})
    assert answer.status_code == 200
    assert answer.json() == {
        "items": [{"id": 1000, "score": 1}, {"id": 1001, "score": 0.99}, {"id": 1002, "score": 0.98}],
        "model": "personalisation",
        "version": "1",
    }
    assert answer.headers["x-model-version"] == "1"
    assert "x-degraded" not in answer.headers
    np.testing.assert_array_equal(models.calls[-1].rows, np.full((1, 64), 7 / 1000, "<f4"))


def test_a_search_is_the_candidates_by_the_models_score(gateway: GatewayProcess, models: FakeModels) -> None:
    answer = gateway.client.post("/v1/search", json=SEARCH)
    blocks = np.zeros((3, 64), np.float32)
    blocks[:, 0], blocks[:, 1] = 1, np.array([0.05, 2.5, 0.17], np.float32)
    expected = ranking_features(Query(2, 25.0), np.full(32, 3 / 1000, np.float32), blocks)
    np.testing.assert_array_equal(models.calls[-1].rows, expected)
    scores = expected.sum(axis=1)
    order = np.argsort(-scores)[:2]
    assert [each["id"] for each in answer.json()["items"]] == [[5, 250, 17][place] for place in order]
    assert [each["score"] for each in answer.json()["items"]] == pytest.approx(scores[order], rel=1e-6)
    assert answer.json()["model"] == "ranking"


def test_a_payment_is_decided_by_the_models_probability(gateway: GatewayProcess, models: FakeModels) -> None:
    answer = gateway.client.post("/v1/payments/score", json={**PAYMENT, "amount": 0.05})
    entities = [np.full(16, each / 1000, np.float32) for each in (3, 4, 5, 6)]
    expected = fraud_features(Payment(0.05, 2, 14), *entities)
    np.testing.assert_array_equal(models.calls[-1].rows[0], expected)
    assert answer.json() == {
        "payment": "p-1",
        "decision": "approve",
        "probability": round(float(expected[0]), 6),
        "reason": "low_risk",
        "model": "fraud",
        "version": "1",
    }


@pytest.mark.parametrize(
    ("amount", "decision", "reason"),
    [(0.3, "review", "elevated_risk"), (2.0, "decline", "high_risk")],
)
def test_the_riskier_the_payment_the_harder_the_decision(
    gateway: GatewayProcess, amount: float, decision: str, reason: str
) -> None:
    answer = gateway.client.post("/v1/payments/score", json={**PAYMENT, "amount": amount}).json()
    assert (answer["decision"], answer["reason"]) == (decision, reason)


def test_the_edge_chooses_the_version(gateway: GatewayProcess, models: FakeModels) -> None:
    answer = gateway.client.post("/v1/search", json=SEARCH, headers={"x-model-version": "2"})
    assert (answer.headers["x-model-version"], answer.json()["version"]) == ("2", "2")
    assert answer.json()["items"][0]["score"] > 1000
    assert models.calls[-1].version == "2"


def test_someone_unknown_gets_what_is_popular(gateway: GatewayProcess) -> None:
    answer = gateway.client.post("/v1/recommendations", json={"user": 999_999, "k": 2})
    assert answer.json()["items"] == [{"id": item, "score": None} for item in POPULAR[:2]]
    assert "x-degraded" not in answer.headers


def test_an_unknown_candidate_has_no_features(gateway: GatewayProcess, models: FakeModels) -> None:
    gateway.client.post("/v1/search", json={**SEARCH, "candidates": [5, 4_000_000]})
    assert models.calls[-1].rows[0, 32] == 1
    assert not models.calls[-1].rows[1, 32:96].any()


def test_a_candidate_that_comes_twice_counts_once(gateway: GatewayProcess) -> None:
    answer = gateway.client.post("/v1/search", json={**SEARCH, "candidates": [5, 7, 5, 5], "k": 10})
    assert sorted(each["id"] for each in answer.json()["items"]) == [5, 7]


def test_each_hop_is_told_the_trace_and_the_time_that_is_left(gateway: GatewayProcess, models: FakeModels) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "x-request-timeout-ms": "1500"}
    answer = gateway.client.post("/v1/search", json=SEARCH, headers=headers)
    sent = models.calls[-1].headers
    assert answer.headers["x-trace-id"] == trace
    assert sent["traceparent"].startswith(f"00-{trace}-")
    assert 0 < int(sent["x-request-timeout-ms"]) < 1500


def test_health_and_metrics(gateway: GatewayProcess) -> None:
    assert gateway.client.get("/healthz").json() == {"live": True}
    every = {"ready": True, "models": {"ranking": True, "fraud": True, "personalisation": True}}
    until(lambda: gateway.client.get("/readyz").json() == every, "all models")
    gateway.client.post("/v1/search", json=SEARCH)
    labels = {"model": "ranking", "version": "1"}
    assert gateway.metric("serving_request_duration_seconds_count", endpoint="/v1/search", code="200", **labels) > 0
    assert gateway.metric("serving_score_count", **labels) > 0
    for step in ("cache", "lookup", "features", "infer", "postprocess"):
        assert gateway.metric("serving_step_duration_seconds_count", step=step) > 0


def test_feedback_is_counted_by_version(gateway: GatewayProcess) -> None:
    given = {"model": "ranking", "version": "2", "outcome": "click"}
    gateway.client.post(
        "/v1/search", json=SEARCH, headers={"x-model-version": "2"}
    )  # now the gateway knows that it exists
    before = gateway.metric("serving_feedback_total", **given)
    assert gateway.client.post("/v1/feedback", json=given).status_code == 200
    assert gateway.metric("serving_feedback_total", **given) == before + 1
