"""What fails behind the gateway: every request is still answered, and says what was missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.shop.gateway.conftest import POPULAR, load_features
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.integration.shop.gateway.conftest import GatewayProcess, Store
    from tests.integration.shop.gateway.fake_models import FakeModels

SEARCH = {"user": 3, "query": {"category": 2}, "candidates": [5, 250, 17, 298], "k": 3}
PAYMENT = {"payment": "p", "user": 3, "card": 4, "device": 5, "ip": 6, "amount": 5, "category": 2, "hour": 14}


@pytest.fixture(scope="module")
def hasty(start_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    """A gateway with a short deadline, nearly all of which a look-up may take: it is the model that has no time."""
    return start_gateway(SHOP_CACHE="false", SHOP_DEADLINE_MS="300", SHOP_LOOKUP_SHARE="0.9")


@pytest.fixture
def without_models(models: FakeModels) -> Iterator[None]:
    """The model server is killed; it is back afterwards."""
    models.stop()
    yield
    models.start()


@pytest.fixture
def without_features(gateway: GatewayProcess, stores: tuple[Store, Store]) -> Iterator[None]:
    """The feature store is killed once the gateway is ready; it is back, and filled, afterwards."""
    assert gateway
    stores[0].kill()
    yield
    stores[0].start()
    load_features(stores[0])
    until(lambda: "x-degraded" not in recommended(gateway, 7).headers, "undegraded")


def ids(answer: httpx.Response) -> list[int]:
    return [each["id"] for each in answer.json()["items"]]


def decided(gateway: GatewayProcess, **headers: str) -> tuple[int, str, object, str, str]:
    answer = gateway.client.post("/v1/payments/score", json=PAYMENT, headers=headers)
    body = answer.json()
    return answer.status_code, body["decision"], body["probability"], body["reason"], answer.headers["x-degraded"]


def recommended(gateway: GatewayProcess, user: int, **headers: str) -> httpx.Response:
    return gateway.client.post("/v1/recommendations", json={"user": user, "k": 3}, headers=headers)


def test_without_models_the_last_good_answer_then_what_is_popular(gateway: GatewayProcess, models: FakeModels) -> None:
    known, found = recommended(gateway, 7), gateway.client.post("/v1/search", json=SEARCH)
    models.stop()
    try:
        again, other = recommended(gateway, 7), recommended(gateway, 8)
        assert again.json() == known.json()
        assert gateway.client.post("/v1/search", json=SEARCH).json() == found.json()
        assert ids(other) == POPULAR[:3]
        assert ids(gateway.client.post("/v1/search", json={**SEARCH, "user": 9})) == [298, 250, 5]
        assert {answer.headers["x-degraded"] for answer in (again, other)} == {"model_unavailable"}
        assert decided(gateway) == (200, "review", None, "model_unavailable", "model_unavailable")
        assert gateway.client.get("/readyz").status_code == 200
        assert gateway.metric("serving_degraded_total", model="fraud", version="1", reason="model_unavailable") >= 1
    finally:
        models.start()
    assert "x-degraded" not in recommended(gateway, 8).headers


def test_readiness_names_the_models_it_must_have_and_the_one_that_was_taken_away(
    gateway: GatewayProcess, models: FakeModels
) -> None:
    def said() -> dict[str, bool]:
        answer = gateway.client.get("/readyz")
        assert answer.status_code == 200  # its answers are degraded, which is better than none
        found: dict[str, bool] = answer.json()["models"]
        return found

    models.unloaded = ("ranking",)
    until(lambda: said() == {"ranking": False, "fraud": True, "personalisation": True}, "ranking missed")
    models.unloaded = ()
    until(lambda: all(said().values()), "all models")


@pytest.mark.usefixtures("without_features")
def test_without_features_answers_are_degraded_and_none_fails(gateway: GatewayProcess) -> None:
    answers = [recommended(gateway, 11), gateway.client.post("/v1/search", json={**SEARCH, "user": 12})]
    assert {(answer.status_code, answer.headers["x-degraded"]) for answer in answers} == {(200, "features_unavailable")}
    assert decided(gateway) == (200, "review", None, "features_unavailable", "features_unavailable")


def test_the_gateway_finds_the_feature_store_again(gateway: GatewayProcess) -> None:
    until(lambda: "x-degraded" not in recommended(gateway, 7).headers, "undegraded")


def test_an_empty_feature_store_is_none(gateway: GatewayProcess, stores: tuple[Store, Store]) -> None:
    with stores[0].client as client:
        client.flushall()
    try:
        assert recommended(gateway, 13).headers["x-degraded"] == "features_unavailable"
        assert decided(gateway)[3] == "features_unavailable"
    finally:
        load_features(stores[0])
    assert "x-degraded" not in recommended(gateway, 13).headers


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_model_that_refuses_is_not_available(gateway: GatewayProcess, models: FakeModels, status: int) -> None:
    models.status = status
    assert recommended(gateway, 14).headers["x-degraded"] == "model_unavailable"
    assert decided(gateway)[1] == "review"


def test_a_model_whose_answer_is_no_number_is_not_believed(gateway: GatewayProcess, models: FakeModels) -> None:
    models.nan = True
    assert gateway.client.post("/v1/search", json={**SEARCH, "user": 15}).headers["x-degraded"] == "model_unavailable"
    assert decided(gateway)[1:4] == ("review", None, "model_unavailable")


@pytest.mark.parametrize("claimed", ["1\n", "1\r\nx-injected: yes", "one", "1234567890"])
def test_a_version_that_is_none_never_becomes_a_header(
    gateway: GatewayProcess, models: FakeModels, claimed: str
) -> None:
    models.claims = claimed
    answer = recommended(gateway, 17)
    assert (answer.status_code, answer.headers["x-degraded"]) == (200, "model_unavailable")
    assert (answer.headers["x-model-version"], "x-injected" in answer.headers) == ("1", False)
    assert decided(gateway)[1] == "review"


def test_a_version_that_is_not_there_degrades_its_own_requests(gateway: GatewayProcess, models: FakeModels) -> None:
    assert "x-degraded" not in recommended(gateway, 16, **{"x-model-version": "2"}).headers  # it was there
    models.versions = ("1",)
    answer = recommended(gateway, 16, **{"x-model-version": "2"})
    assert (answer.headers["x-degraded"], answer.headers["x-model-version"]) == ("model_unavailable", "2")
    assert "x-degraded" not in recommended(gateway, 16).headers
    labels = {"model": "personalisation", "version": "2", "reason": "model_unavailable"}
    assert gateway.metric("serving_degraded_total", **labels) >= 1


def test_a_slow_model_is_not_waited_for_beyond_the_deadline(hasty: GatewayProcess, models: FakeModels) -> None:
    models.delay_s = 60  # whoever waits for it has a whole answer
    # on a busy machine the look-up may be late as well, which is another reason
    until(lambda: recommended(hasty, 17).headers["x-degraded"] == "deadline", "a deadline missed")
    until(lambda: decided(hasty)[3] == "deadline", "a deadline missed")
    models.delay_s = 0
    until(lambda: "x-degraded" not in recommended(hasty, 17).headers, "whole again")


def test_a_model_that_hangs_is_soon_not_waited_for_at_all(hasty: GatewayProcess, models: FakeModels) -> None:
    models.delay_s = 60
    reasons: list[str] = []

    def refused() -> bool:
        reasons.append(recommended(hasty, 20).headers["x-degraded"])
        return reasons[-1] == "model_unavailable"

    until(refused, "refused at once")
    assert reasons.count("deadline") >= 5  # what it takes; a look-up that was late says nothing about the model
    models.delay_s = 0
    until(lambda: "x-degraded" not in recommended(hasty, 20).headers, "asked again")


def test_a_caller_may_have_less_time_than_the_gateway(gateway: GatewayProcess, models: FakeModels) -> None:
    models.delay_s = 10  # a third of the gateway's own deadline

    def missed() -> bool:
        answer = recommended(gateway, 18, **{"x-request-timeout-ms": "500"})
        # on a busy machine it may be the look-up that is late, which has two fifths of that time
        return answer.headers["x-degraded"] == "deadline"

    until(missed, "a deadline missed")


def test_whoever_has_no_time_left_causes_no_call(gateway: GatewayProcess, models: FakeModels) -> None:
    assert recommended(gateway, 19, **{"x-request-timeout-ms": "0"}).headers["x-degraded"] == "deadline"
    assert decided(gateway, **{"x-request-timeout-ms": "0"})[3] == "deadline"
    assert models.count("personalisation") == models.count("fraud") == 0


@pytest.mark.usefixtures("without_models")
def test_without_models_a_gateway_is_alive_but_not_ready(start_gateway: Callable[..., GatewayProcess]) -> None:
    starting = start_gateway(ready=False)
    until(lambda: starting.process.poll() is None and _answers(starting), "listening")
    assert starting.client.get("/healthz").status_code == 200
    refused = starting.client.get("/readyz")
    assert refused.status_code == 503
    assert refused.json()["error"].startswith("server starting: ")


def _answers(gateway: GatewayProcess) -> bool:
    try:
        return gateway.client.get("/healthz").is_success
    except OSError:
        return False
    except Exception as error:  # noqa: BLE001 - httpx' own kind of refused connection
        return "refused" not in str(error)
