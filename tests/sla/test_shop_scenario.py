from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from servekit.errors import InvalidValueError
from shop.addresses import Addresses
from shop.endpoints import BY_KIND
from shop.gateway.domain.contracts import PaymentRequest, RecommendationRequest, SearchRequest
from shop.gateway.settings import GatewaySettings
from shop.load.oracle import Oracle
from shop.load.scenario import ShopScenario, asked
from shop.load.world_traffic import WorldTraffic, mixed_messages
from tests.integration.shop.canary.toy_shop import QUALITY, make_run_dir
from workbench.sla import load_sla

if TYPE_CHECKING:
    from workbench.sla import Request

SLA = Path(__file__).parents[2] / "03-advanced-multimodel-kserve" / "sla.toml"
QUESTIONS = {"search": SearchRequest, "payments": PaymentRequest, "recommendations": RecommendationRequest}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Addresses:
    """Models made by hand, and traffic."""
    run_dir = tmp_path_factory.mktemp("shop")
    make_run_dir(run_dir)
    return Addresses(run_dir=run_dir)


@pytest.fixture
def scenario(addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> ShopScenario:
    monkeypatch.setenv("SHOP_RUN_DIR", str(addresses.run_dir))
    return ShopScenario()


def answered(addresses: Addresses, request: Request) -> dict[str, object]:
    """The right answer, as the API words it."""
    oracle, question = Oracle(addresses, GatewaySettings()), asked(request)
    if isinstance(question, PaymentRequest):
        probability = round(oracle.fraud(question, "1"), 6)
        found = {"decision": "approve", "probability": probability, "reason": "low_risk"}
        return {"payment": question.payment, **found, "model": "fraud", "version": "1"}
    if isinstance(question, SearchRequest):
        scores, model = oracle.relevance(question, "1", question.candidates), "ranking"
    else:
        scores, model = oracle.suits(question.user, "1"), "personalisation"
    best = sorted(scores.items(), key=lambda pair: -pair[1])[: question.k]
    return {"items": [{"id": item, "score": score} for item, score in best], "model": model, "version": "1"}


def test_every_kind_of_the_mix_is_supplied(scenario: ShopScenario) -> None:
    assert set(load_sla(SLA).mix) == set(BY_KIND)
    for kind, question in QUESTIONS.items():
        assert isinstance(asked(scenario.request(kind, Random(1))), question)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_answers_are_compared_with_onnx_runtimes(scenario: ShopScenario, addresses: Addresses, kind: str) -> None:
    request = scenario.request(kind, Random(2))
    right = answered(addresses, request)
    assert scenario.check(request, json.dumps(right).encode()) is None
    if kind == "payments":
        wrong = {**right, "decision": "decline"}
        fallback = {**right, "decision": "review", "probability": None, "reason": "deadline"}
    else:
        items = right["items"]
        assert isinstance(items, list)
        wrong = {**right, "items": items[::-1]}
        fallback = {**right, "items": [{**item, "score": None} for item in items]}
    assert "expected" in (scenario.check(request, json.dumps(wrong).encode()) or "")
    assert scenario.check(request, json.dumps(fallback).encode()) is not None


def test_the_oracle_knows_what_the_planted_model_does(scenario: ShopScenario, addresses: Addresses) -> None:
    question = asked(scenario.request("search", Random(3)))
    assert isinstance(question, SearchRequest)
    scores = Oracle(addresses, GatewaySettings()).relevance(question, "1", question.candidates)
    assert scores == pytest.approx({item: float(QUALITY[item]) for item in question.candidates})


def test_under_load_a_body_keeps_its_length_whoever_asks(addresses: Addresses) -> None:
    for message in mixed_messages(addresses, 60):
        assert bool(message.slot) == (message.request.path != "/v1/payments/score")
        if message.slot:
            assert json.loads(b'{"user": ' + message.wire[message.slot :])["k"] == 10
            assert message.wire.endswith(message.request.body)


def test_without_traffic_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"no traffic to replay .*: run make train-3"):
        WorldTraffic(Addresses(run_dir=tmp_path))
