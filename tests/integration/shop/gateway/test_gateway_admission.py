"""Who is let in: keys, rates, and the limit of requests at once."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.shop.gateway.conftest import GatewayProcess
    from tests.integration.shop.gateway.fake_models import FakeModels

BODY = {"user": 7, "k": 3}
PATH = "/v1/recommendations"


@pytest.fixture(scope="module")
def guarded(start_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    return start_gateway(
        SHOP_API_KEYS="web:s3cret,app:0ther", SHOP_KEY_RATE="0.001", SHOP_KEY_BURST="1", SHOP_CACHE="false",
        SHOP_LIMIT="2", SHOP_LIMIT_MIN="2", SHOP_LIMIT_MAX="2",
    )  # fmt: skip


def test_a_request_needs_a_known_key(guarded: GatewayProcess) -> None:
    missing = guarded.client.post(PATH, json=BODY)
    assert (missing.status_code, missing.json()) == (401, {"error": "header x-api-key: missing: expected a key"})
    assert missing.headers["www-authenticate"] == "ApiKey"
    wrong = guarded.client.post(PATH, json=BODY, headers={"x-api-key": "s3cre"})
    assert (wrong.status_code, wrong.json()) == (401, {"error": "header x-api-key: not a key that is known here"})
    assert guarded.client.get("/v2/models/ranking").status_code == 401
    assert guarded.client.get("/readyz").status_code == 200


def test_each_key_has_a_rate_of_its_own(guarded: GatewayProcess) -> None:
    sent = {"x-api-key": "s3cret"}
    answers = [guarded.client.post(PATH, json=BODY, headers=sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[-1].json() == {"error": "key web: expected at most 0.001 requests a second"}
    assert answers[-1].headers["retry-after"] == "1"
    assert guarded.metric("serving_shed_total", reason="rate") == 1
    other = guarded.client.post(PATH, json=BODY, headers={"authorization": "Bearer 0ther"})
    assert other.status_code == 200


def test_beyond_the_limit_requests_are_turned_away_and_payments_last(
    start_gateway: Callable[..., GatewayProcess], models: FakeModels
) -> None:
    small = start_gateway(SHOP_CACHE="false", SHOP_LIMIT="2", SHOP_LIMIT_MIN="2", SHOP_LIMIT_MAX="2")
    models.delay_s = 1
    payment = {"payment": "p", "user": 3, "card": 4, "device": 5, "ip": 6, "amount": 5, "category": 2, "hour": 14}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda user: small.client.post(PATH, json={**BODY, "user": user}), range(8)))
        payments = list(pool.map(lambda _: small.client.post("/v1/payments/score", json=payment), range(8)))
    shed = [answer for answer in answers if answer.status_code == 429]
    assert 0 < len(shed) < 8
    assert shed[0].json() == {"error": "server: too many requests at once, try again"}
    assert shed[0].headers["retry-after"] == "1"
    assert {answer.status_code for answer in payments} == {200}
    assert small.metric("serving_shed_total", reason="limit") == len(shed)


def test_bodies_that_do_not_come_take_nobodys_place(start_gateway: Callable[..., GatewayProcess]) -> None:
    limits = dict.fromkeys(("SHOP_LIMIT", "SHOP_LIMIT_MIN", "SHOP_LIMIT_MAX"), "2")
    gateway = start_gateway(SHOP_CACHE="false", **limits, SHOP_RECEIVE_TIMEOUT_S="60")
    with ExitStack() as open_until_the_end:
        for path in [PATH, "/v2/models/fraud/infer"] * 24:
            slow = open_until_the_end.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=30))
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"
            slow.sendall(head.encode() + b"{")
        answers = [gateway.client.post(PATH, json=BODY) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 10


@pytest.mark.parametrize("path", [PATH, "/v2/models/fraud/infer"])
def test_a_body_that_is_late_is_408(impatient: GatewayProcess, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=30) as slow:
        slow.sendall(head.encode() + b"{")
        answer = b"".join(iter(lambda: slow.recv(65536), b""))
    status, _, rest = answer.partition(b"\r\n")
    assert status == b"HTTP/1.1 408 Request Timeout"
    told = json.loads(rest.partition(b"\r\n\r\n")[2])
    assert told == {"error": "body 1 bytes: expected the rest of it within 0.3 s"}


@pytest.fixture(scope="module")
def impatient(start_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    return start_gateway(SHOP_RECEIVE_TIMEOUT_S="0.3")
