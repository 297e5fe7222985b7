"""What the gateway refuses, in which words, and that no bad input makes it fail."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.shop.gateway.conftest import GatewayProcess
    from tests.integration.shop.gateway.fake_models import FakeModels

JSON = {"content-type": "application/json"}
SEARCH, PAY, RECOMMEND, FEEDBACK = "/v1/search", "/v1/payments/score", "/v1/recommendations", "/v1/feedback"
PATHS = (SEARCH, PAY, RECOMMEND, FEEDBACK)
GOOD: dict[str, dict[str, Any]] = {
    SEARCH: {"user": 3, "query": {"category": 2}, "candidates": [5, 17], "k": 2},
    PAY: {"payment": "p", "user": 3, "card": 4, "device": 5, "ip": 6, "amount": 5, "category": 2, "hour": 14},
    RECOMMEND: {"user": 7, "k": 3},
    FEEDBACK: {"model": "fraud", "version": "1", "outcome": "chargeback"},
}


@pytest.mark.parametrize(
    ("path", "change", "problem"),
    [
        (RECOMMEND, {"k": 51}, "k 51: expected int <= 50"),
        (RECOMMEND, {"k": 0}, "k 0: expected int >= 1"),
        (RECOMMEND, {"user": "seven"}, "user seven: expected int, got str"),
        (RECOMMEND, {"user": -1}, "user -1: expected int >= 0"),
        (RECOMMEND, {"usr": 1}, "usr: unknown field"),
        (SEARCH, {"k": 201}, "k 201: expected int <= 200"),
        (SEARCH, {"candidates": []}, "candidates: expected array of length >= 1"),
        (SEARCH, {"candidates": list(range(201))}, "candidates: expected array of length <= 200"),
        (SEARCH, {"candidates": [1, 2, None]}, "candidates[2]: expected int, got null"),
        (SEARCH, {"candidates": [1, 2**31]}, "candidates[1] 2147483648: expected int <= 2147483647"),
        (SEARCH, {"query": {}}, "query.category: missing"),
        (SEARCH, {"query": {"category": 16}}, "query.category 16: expected int <= 15"),
        (SEARCH, {"query": {"category": 1, "price": 0}}, "query.price 0: expected float > 0.0"),
        (PAY, {"amount": -5}, "amount -5: expected float > 0.0"),
        (PAY, {"hour": 24}, "hour 24: expected int <= 23"),
        (PAY, {"payment": ""}, "payment : expected str of length >= 1"),
        (PAY, {"payment": "x" * 65}, f"payment {'x' * 65}: expected str of length <= 64"),
        (PAY, {"payment": "a b"}, "payment a b: expected str matching regex '^[\\\\x21-\\\\x7e]+\\\\Z'"),
        (FEEDBACK, {"outcome": "click"}, "outcome click: expected one of chargeback, legitimate for fraud"),
        (FEEDBACK, {"model": "iris"}, "model iris: invalid enum value 'iris'"),
        (FEEDBACK, {"version": "one"}, "version one: expected str matching regex '^[0-9]{1,9}\\\\Z'"),
    ],
)
def test_a_wrong_value_is_named(gateway: GatewayProcess, path: str, change: dict[str, Any], problem: str) -> None:
    answer = gateway.client.post(path, json={**GOOD[path], **change})
    assert (answer.status_code, answer.json()) == (422, {"error": problem})


@pytest.mark.parametrize("path", PATHS)
def test_a_missing_field_is_named(gateway: GatewayProcess, path: str) -> None:
    first = next(iter(GOOD[path]))
    answer = gateway.client.post(path, json={key: value for key, value in GOOD[path].items() if key != first})
    assert (answer.status_code, answer.json()) == (422, {"error": f"{first}: missing"})


@pytest.mark.parametrize("sent", [b"", b"{", b'{"user": NaN}', b'{"user": 1e999}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_400(gateway: GatewayProcess, sent: bytes) -> None:
    answer = gateway.client.post(RECOMMEND, content=sent, headers=JSON)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"].startswith(("body: ", "user"))


@pytest.mark.parametrize("sent", [b'{"user": 7, "k": "\xed\xa0\x80"}', b'{"user": "\xff"}', b'{"\xc3": 1}'])
def test_text_that_is_no_utf_8_is_no_json_wherever_it_stands(gateway: GatewayProcess, sent: bytes) -> None:
    answer = gateway.client.post(RECOMMEND, content=sent, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("body: not JSON: ")


@pytest.mark.parametrize(
    ("headers", "status", "problem"),
    [
        ({"x-model-version": "two"}, 400, "header x-model-version two: expected a version, 1 or above"),
        ({"x-model-version": "0"}, 400, "header x-model-version 0: expected a version, 1 or above"),
        ({"x-request-timeout-ms": "-1"}, 400, "header x-request-timeout-ms -1: expected milliseconds, 0 or above"),
        ({"x-request-timeout-ms": "nan"}, 400, "header x-request-timeout-ms nan: expected milliseconds, 0 or above"),
        ({"content-type": "text/plain"}, 415, "content-type text/plain: expected application/json"),
        ({"content-type": ""}, 415, "content-type: missing: expected application/json"),
    ],
)
def test_a_wrong_header_is_named(gateway: GatewayProcess, headers: dict[str, str], status: int, problem: str) -> None:
    answer = gateway.client.post(RECOMMEND, content=json.dumps(GOOD[RECOMMEND]), headers={**JSON, **headers})
    assert (answer.status_code, answer.json()) == (status, {"error": problem})


def test_other_paths_and_methods(gateway: GatewayProcess) -> None:
    assert gateway.client.get("/v1/nothing").json() == {"error": "path /v1/nothing: no such endpoint"}
    for path, method in ((SEARCH, "GET"), ("/readyz", "POST"), ("/v2/models/fraud/infer", "GET")):
        answer = gateway.client.request(method, path)
        wanted = "POST" if method == "GET" else "GET"
        assert (answer.status_code, answer.json()) == (405, {"error": f"method {method}: expected {wanted}"})


def test_a_body_over_the_limit_is_413(gateway: GatewayProcess) -> None:
    answer = gateway.client.post(RECOMMEND, content=bytes(1024 * 1024 + 1), headers=JSON)
    assert (answer.status_code, answer.json()) == (413, {"error": "body 1048577 bytes: expected at most 1048576"})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_field = st.sampled_from(sorted({key for good in GOOD.values() for key in good}))
_bounded = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@_bounded
@given(path=st.sampled_from(PATHS), change=st.dictionaries(_field, _json, max_size=3))
def test_no_value_makes_it_fail(gateway: GatewayProcess, path: str, change: dict[str, Any]) -> None:
    sent = json.dumps({**GOOD[path], **change}).encode()
    assert gateway.client.post(path, content=sent, headers=JSON).status_code < 500


@_bounded
@given(path=st.sampled_from([*PATHS, "/v2/models/fraud/infer"]), sent=st.binary(max_size=200))
def test_no_bytes_make_it_fail(gateway: GatewayProcess, path: str, sent: bytes) -> None:
    assert 400 <= gateway.client.post(path, content=sent, headers=JSON).status_code < 500


@_bounded
@given(
    version=st.text("0123456789abc-.", max_size=12),
    timeout=st.text("0123456789e.-+", max_size=12),
    trace=st.text("0123456789abcdef-", max_size=60),
)
def test_no_header_makes_it_fail(gateway: GatewayProcess, version: str, timeout: str, trace: str) -> None:
    headers = {"x-model-version": version, "x-request-timeout-ms": timeout, "traceparent": trace}
    assert gateway.client.post(RECOMMEND, json=GOOD[RECOMMEND], headers=headers).status_code < 500


def test_invented_versions_lock_no_real_one_out(start_gateway: Callable[..., GatewayProcess]) -> None:
    gateway = start_gateway(SHOP_CACHE="false")
    feedback = GOOD[FEEDBACK]
    for version in map(str, range(100, 200)):
        asked = gateway.client.post(RECOMMEND, json=GOOD[RECOMMEND], headers={"x-model-version": version})
        told = gateway.client.post(FEEDBACK, json={**feedback, "version": version})
        assert (asked.status_code, asked.headers["x-degraded"], told.status_code) == (200, "model_unavailable", 200)
    for version in ("1", "2"):
        asked = gateway.client.post(PAY, json=GOOD[PAY], headers={"x-model-version": version})
        told = gateway.client.post(FEEDBACK, json={**feedback, "version": version})
        assert (asked.json()["version"], told.status_code) == (version, 200)
    counted = {version: gateway.metric("serving_feedback_total", version=version) for version in ("1", "2", "other")}
    assert counted == {"1": 1, "2": 1, "other": 100}
    exposed = set(re.findall(r'^serving_.*[{,]version="([^"]*)"', gateway.client.get("/metrics").text, re.MULTILINE))
    assert exposed == {"", "1", "2", "other"}


def test_a_version_that_the_model_server_has_is_counted_by_its_name_before_it_has_answered(
    start_gateway: Callable[..., GatewayProcess], models: FakeModels
) -> None:
    models.versions = ("1", "2", "7")
    gateway = start_gateway()

    def counted() -> bool:
        gateway.client.post(FEEDBACK, json={**GOOD[FEEDBACK], "version": "7"})
        return gateway.metric("serving_feedback_total", version="7") > 0

    until(counted, "known")
