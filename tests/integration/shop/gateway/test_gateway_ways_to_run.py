"""Gateways run otherwise: the server chooses the version, the catalogue is sharded, payments are audited."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.patience import GENEROUS_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.shop.gateway.conftest import GatewayProcess, Store
    from tests.integration.shop.gateway.fake_models import FakeModels

RECOMMEND = {"user": 7, "k": 4}
PAYMENT = {"payment": "p", "user": 3, "card": 4, "device": 5, "ip": 6, "amount": 5, "category": 2, "hour": 14}


def test_where_the_server_chooses_the_version_a_release_has_answers_of_its_own(
    start_gateway: Callable[..., GatewayProcess], models: FakeModels, stores: tuple[Store, Store]
) -> None:
    with stores[1].client as client:
        client.flushall()
    first = start_gateway(SHOP_VERSION_CHOICE="server", SHOP_RELEASE="a")
    second = start_gateway(SHOP_VERSION_CHOICE="server", SHOP_RELEASE="b")
    for gateway in (first, first, second):
        answer = gateway.client.post("/v1/recommendations", json=RECOMMEND, headers={"x-model-version": "2"})
        assert (answer.headers["x-model-version"], answer.json()["version"]) == ("1", "1")
    assert models.calls[-1].version == ""
    assert models.count("personalisation") == 2


def test_a_fallback_carries_the_stable_version_of_its_own_model(
    start_gateway: Callable[..., GatewayProcess], models: FakeModels
) -> None:
    gateway = start_gateway(
        SHOP_VERSION_CHOICE="server", SHOP_CACHE="false", SHOP_MODEL_VERSIONS='{"fraud": "2", "personalisation": "3"}'
    )
    models.status = 500
    asked = {"/v1/payments/score": PAYMENT, "/v1/recommendations": RECOMMEND}
    answers = [gateway.client.post(path, json=body) for path, body in asked.items()]
    assert [answer.json()["version"] for answer in answers] == ["2", "3"]
    assert [answer.headers["x-model-version"] for answer in answers] == ["2", "3"]
    for model, version in (("fraud", "2"), ("personalisation", "3")):
        assert gateway.metric("serving_degraded_total", model=model, version=version) == 1


def test_shards_are_asked_side_by_side_and_their_answers_merged(
    start_gateway: Callable[..., GatewayProcess], models: FakeModels
) -> None:
    gateway = start_gateway(SHOP_SHARDS="2", SHOP_CACHE="false")
    answer = gateway.client.post("/v1/recommendations", json=RECOMMEND)
    assert [each["id"] for each in answer.json()["items"]] == [1000, 2000, 1001, 2001]
    assert {call.model for call in models.calls} == {"personalisation-0", "personalisation-1"}


@pytest.mark.slow
def test_each_decision_is_a_line_of_the_audit_log(
    start_gateway: Callable[..., GatewayProcess], models: FakeModels, tmp_path: Path
) -> None:
    gateway = start_gateway(AUDIT_DIR=str(tmp_path))
    answers = [gateway.client.post("/v1/payments/score", json=PAYMENT)]
    models.status = 500
    answers.append(gateway.client.post("/v1/payments/score", json=PAYMENT))
    metrics = gateway.client.get("/metrics").text
    (head,) = re.findall(r'^serving_audit_head{level="3",writer="worker-0"} (.+)$', metrics, re.MULTILINE)
    gateway.process.terminate()
    assert gateway.process.wait(GENEROUS_S) == 0
    command = [sys.executable, "-m", "workbench.audit", "verify", str(tmp_path), "--anchor"]
    assert [subprocess.run([*command, anchor], check=False).returncode for anchor in (head, "1")] == [0, 1]
    lines = [json.loads(line) for line in next(tmp_path.glob("*.jsonl")).read_text().splitlines()]
    decided = [(line["request_id"], line["decision"]) for line in lines if line["kind"] == "prediction"]
    assert decided == [(each.headers["x-trace-id"], each.json()["decision"]) for each in answers]
    assert decided[1][1] == "review"


@pytest.mark.slow
def test_a_full_disk_under_the_audit_log_is_not_ready_and_exit_code_1(
    start_gateway: Callable[..., GatewayProcess], tmp_path: Path
) -> None:
    # measuring its coverage would need a file larger than the limit
    gateway = start_gateway(AUDIT_DIR=str(tmp_path), AUDIT_FSYNC="record", COVERAGE_PROCESS_CONFIG="")
    assert gateway.client.post("/v1/payments/score", json=PAYMENT).status_code == 200
    size = next(tmp_path.glob("*.jsonl")).stat().st_size
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    for path in ("/v1/payments/score", "/readyz"):
        answer = gateway.client.request("GET" if path == "/readyz" else "POST", path, json=PAYMENT)
        assert (answer.status_code, "File too large" in answer.text) == (503, True)
    assert gateway.client.post("/v1/recommendations", json=RECOMMEND).status_code == 200
    metrics = gateway.client.get("/metrics").text
    assert not re.search(r'^serving_audit_waiting_bytes{level="3"} 0.0$', metrics, re.MULTILINE)
    gateway.process.terminate()
    assert gateway.process.wait(GENEROUS_S) == 1
    verdict = subprocess.run(
        [sys.executable, "-m", "workbench.audit", "verify", tmp_path], check=False, capture_output=True, text=True
    )
    assert (verdict.returncode, "truncated: the head knows seq 3 is missing" in verdict.stdout) == (1, True)


@pytest.mark.slow
def test_what_it_cannot_start_with_is_said_in_one_line(free_ports: Callable[[int], list[int]]) -> None:
    command = [sys.executable, "-m", "shop.gateway", "--gateway-port", str(free_ports(1)[0])]
    pair = (
        "gateway cannot start: SHOP_API_KEYS pair 1: expected name:key, a name of letters, digits, '.', '_', '-', "
        "and a key of visible ASCII characters\n"
    )
    for options, problem in (
        (
            ["--api-keys", "web"],
            pair,
        ),
        (
            ["--api-keys-file", "nowhere"],
            "gateway cannot start: SHOP_API_KEYS_FILE nowhere: No such file or directory\n",
        ),
        (
            ["--api-keys", "a:b", "--api-keys-file", "nowhere"],
            "gateway cannot start: SHOP_API_KEYS and SHOP_API_KEYS_FILE are both set: expected one of them\n",
        ),
        (["--limit", "0"], "gateway cannot start: SHOP_LIMIT 0: Input should be greater than or equal to 1\n"),
    ):
        ended = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (1, problem)


def test_a_port_that_is_taken_is_named(gateway: GatewayProcess, capfd: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "shop.gateway", "--gateway-port", str(gateway.port)]
    assert subprocess.run(command, check=False).returncode == 1
    expected = (
        f"gateway cannot start: 127.0.0.1:{gateway.port}: Address already in use: free it, or set SHOP_GATEWAY_PORT\n"
    )
    assert capfd.readouterr().err == expected
