"""Parts of the running level are killed under load: what callers notice of it."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import httpx
import pytest

from shop.commands.failures import OfferedLoad, Outage, cause
from shop.load.offering import encoded
from tests.integration.shop.canary.toy_shop import ITEMS, USERS
from tests.patience import GENEROUS_S
from workbench.load import Request
from workbench.stack import StackError

if TYPE_CHECKING:
    from shop.load.offering import Message
    from tests.integration.shop.canary.toy_shop import ToyShop

pytestmark = pytest.mark.slow

RPS = 60


@pytest.fixture(scope="module")
def messages(toy_shop: ToyShop) -> list[Message]:
    """All three kinds, in equal parts."""
    draw = random.Random(4)
    requests = []
    for number in range(600):
        user = draw.randrange(USERS)
        search = {"user": user, "query": {"category": 3}, "candidates": draw.sample(range(ITEMS), 12)}
        payment = {"payment": f"p-{number}", "user": user, "card": 1, "device": 2, "ip": 3, "amount": 9.5}
        bodies = {
            "/v1/search": search,
            "/v1/payments/score": {**payment, "category": 1, "hour": 12},
            "/v1/recommendations": {"user": user, "k": 5},
        }
        requests += [Request(path, json.dumps(body).encode()) for path, body in bodies.items()]
    return encoded(toy_shop.addresses.port, requests)


def kill(shop: ToyShop, messages: list[Message], name: str) -> Outage:
    load = OfferedLoad(shop.addresses.port, messages, RPS, GENEROUS_S)
    outage = cause(shop.level, name, load, quiet_s=1.5, patience_s=GENEROUS_S)
    assert outage.requests > RPS
    assert outage.recovery_s < GENEROUS_S, "it never recovered"
    return outage


def test_without_triton_answers_are_degraded_and_payments_reviewed_until_it_is_back(
    toy_shop: ToyShop, messages: list[Message]
) -> None:
    outage = kill(toy_shop, messages, "triton")
    assert outage.degraded > 0
    assert outage.failed == 0


def test_without_the_feature_store_answers_are_degraded_until_it_is_filled_again(
    toy_shop: ToyShop, messages: list[Message]
) -> None:
    outage = kill(toy_shop, messages, "features")
    assert outage.degraded > 0
    assert outage.failed == 0


def test_without_the_cache_nobody_notices_anything(toy_shop: ToyShop, messages: list[Message]) -> None:
    outage = kill(toy_shop, messages, "cache")
    assert (outage.degraded, outage.failed) == (0, 0)


def test_a_gateway_that_dies_takes_nothing_with_it_but_the_payments_it_had_begun(
    toy_shop: ToyShop, messages: list[Message]
) -> None:
    outage = kill(toy_shop, messages, "gateway-0")
    assert outage.degraded == 0
    assert outage.failed == outage.failed_payments < outage.requests / 3, "all payments failed, not only those"


def test_killing_what_is_not_there_is_said(toy_shop: ToyShop) -> None:
    with pytest.raises(StackError, match="gateway-7: not running: run make up-3"):
        cause(toy_shop.level, "gateway-7", OfferedLoad(toy_shop.addresses.port, [], RPS))


def test_a_payment_that_cannot_be_scored_says_why(toy_shop: ToyShop) -> None:
    """The deadline is the caller's: no time at all is as good as no model."""
    answer = httpx.post(
        f"http://127.0.0.1:{toy_shop.addresses.port}/v1/payments/score",
        json={
            "payment": "p", "user": 1, "card": 1, "device": 1, "ip": 1, "amount": 5.0, "category": 0, "hour": 1,
        },
        headers={"x-request-timeout-ms": "0"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.json()["decision"] == "review"
    assert answer.json()["reason"] == answer.headers["x-degraded"] == "deadline"
