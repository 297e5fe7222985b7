"""The generated configuration, in a real Envoy."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from shop.addresses import Addresses
from shop.serving.envoy import EdgeSettings, Split, write_routes, write_splits
from tests.integration.shop.serving.edge_world import Edge, running_edge
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SEARCH, PAYMENT, RECOMMENDATIONS = "/v1/search", "/v1/payments/score", "/v1/recommendations"
LIMITS = {
    "SHOP_EDGE_MAX_BODY_BYTES": "4096",
    "SHOP_EDGE_MAX_TENSOR_BYTES": "16384",
    "SHOP_EDGE_TIMEOUT_S": "5",
    "SHOP_EDGE_CONCURRENCY": "8",
    "SHOP_EDGE_CONCURRENCY_MIN": "4",
}


@pytest.fixture(scope="module")
def the_edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("edge"), **LIMITS) as edge:
        yield edge


@pytest.fixture
def edge(the_edge: Edge) -> Iterator[Edge]:
    """The edge, with no canary before and after."""
    yield the_edge
    for model in ("ranking", "fraud", "personalisation"):
        the_edge.shift(model, 0)


def test_every_request_is_for_the_stable_version_whatever_the_client_says(edge: Edge) -> None:
    for path in (SEARCH, PAYMENT, RECOMMENDATIONS, "/v2/models/ranking/infer"):
        assert edge.version(path) == "1"
        assert edge.version(path, **{"x-model-version": "2"}) == "1"


def test_where_no_version_is_chosen_the_clients_choice_is_taken_away(edge: Edge) -> None:
    assert edge.version("/v1/feedback", **{"x-model-version": "2"}) is None
    assert edge.version("/v2/models/ranking/versions/2/infer", **{"x-model-version": "3"}) is None


def test_a_weight_of_100_sends_all_of_one_models_requests_to_the_candidate(edge: Edge) -> None:
    edge.shift("ranking", 100)
    assert [edge.version(path) for path in (SEARCH, "/v2/models/ranking/infer")] == ["2", "2"]
    assert [edge.version(path) for path in (PAYMENT, RECOMMENDATIONS)] == ["1", "1"]


def test_a_weight_between_splits_the_traffic_and_changes_live(edge: Edge) -> None:
    edge.shift("fraud", 30)
    seen = [edge.version(PAYMENT) for _ in range(200)]
    assert 30 <= seen.count("2") <= 90  # 60, give or take more than four standard deviations
    edge.shift("fraud", 0)
    assert {edge.version(PAYMENT) for _ in range(20)} == {"1"}


def test_a_page_in_a_browser_moves_no_weight(edge: Edge) -> None:
    """It sends its Origin, or has its own name pointed to this machine."""
    url = f"http://127.0.0.1:{edge.admin_port}/runtime_modify?canary.ranking=100"
    for headers in ({"origin": "http://somewhere.example"}, {"origin": "null"}, {"host": "somewhere.example"}):
        assert httpx.post(url, headers=headers).status_code == 404
    assert httpx.get(url).status_code == 404
    assert {edge.version(SEARCH) for _ in range(20)} == {"1"}


def test_the_admin_port_knows_what_is_looked_at_and_nothing_else(edge: Edge) -> None:
    admin = f"http://127.0.0.1:{edge.admin_port}"
    for path in ("/stats/prometheus", "/clusters", "/runtime?format=json", "/config_dump"):
        assert httpx.get(f"{admin}{path}").status_code == 200
        assert httpx.get(f"{admin}{path}", headers={"host": "somewhere.example"}).status_code == 404
    for path in ("/quitquitquit", "/healthcheck/fail", "/logging?level=trace", "/drain_listeners", "/cpuprofiler", "/"):
        assert httpx.post(f"{admin}{path}").status_code == httpx.get(f"{admin}{path}").status_code == 404
    until(edge.ready)


def test_the_admin_interface_itself_is_its_owners_alone(edge: Edge) -> None:
    found = Path(edge.environment["SHOP_RUN_DIR"]) / "envoy/admin.sock"
    assert found.stat().st_mode & 0o777 == 0o600


def test_a_restarted_edge_keeps_the_weights_of_the_canarys_state(edge: Edge) -> None:
    state = Path(edge.environment["SHOP_RUN_DIR"]) / "canary.json"
    write_splits(state, {"ranking": Split(stable="3", candidate="4", weight=100)})
    edge.stop()
    edge.start()
    assert edge.version(SEARCH) == "4"
    edge.shift("ranking", 0)
    assert edge.version(SEARCH) == "3"
    state.unlink()
    edge.stop()
    edge.start()
    assert edge.version(SEARCH) == "1"


def test_the_versions_of_a_running_edge_change_without_losing_a_request(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in edge.environment.items():
        monkeypatch.setenv(name, value)
    addresses = Addresses()
    with under_load(edge) as load:
        write_splits(addresses.canary_state, {"ranking": Split(stable="2", candidate="3")})
        write_routes(addresses, EdgeSettings())
        until(lambda: edge.version(SEARCH) == "2")
        addresses.canary_state.unlink()
        write_routes(addresses, EdgeSettings())
        until(lambda: edge.version(SEARCH) == "1")
    assert load.failures == []


def test_a_body_beyond_the_limit_is_refused_in_the_services_own_form(edge: Edge) -> None:
    answer = edge.client.post(SEARCH, content=b"x" * 5000)
    assert answer.status_code == 413
    assert answer.json() == {"error": "body: too large, expected at most 4096 bytes, 16384 for /v2"}
    assert edge.client.post("/v2/models/ranking/infer", content=b"x" * 5000).json()["bytes"] == 5000
    assert edge.client.post("/v2/models/ranking/infer", content=b"x" * 20_000).status_code == 413


def test_a_path_that_is_none_of_ours_is_not_found(edge: Edge) -> None:
    for path in ("/", "/metrics", "/admin", "/v1", "/v1/..%2f..%2fmetrics"):
        answer = edge.client.get(path)
        assert answer.status_code in {400, 404}, path
        assert list(answer.json()) == ["error"], path


def said(edge: Edge, request: str, *, more: str = "host: x\r\n\r\n") -> tuple[str, dict[str, Any]]:
    """The status line and the answer to a request line of whatever kind."""
    with socket.create_connection(("127.0.0.1", edge.port), timeout=GENEROUS_S) as connection:
        connection.sendall(f"{request}\r\n{more}".encode())
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0].decode(), json.loads(body)


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes it."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("more", ["\r\n", "host: x\r\n\r\n"])
def test_probes_may_speak_http_1_0(edge: Edge, more: str) -> None:
    status, answer = said(edge, "GET /readyz HTTP/1.0", more=more)
    assert status == "HTTP/1.0 200 OK"
    assert answer["by"] in {gateway.port for gateway in edge.gateways}


@pytest.mark.parametrize(
    ("request_line", "more", "problem"),
    [
        ("nonsense", "\r\n", "http1.codec_error"),
        ("GET /readyz HTTP/1.1", "connection: close\r\n\r\n", "missing_host_header"),
        ("GET /a%2fb HTTP/1.1", "host: x\r\nconnection: close\r\n\r\n", "path_normalization_failed"),
        ("GET /readyz HTTP/1.1", "host: x\r\na_b: c\r\n\r\n", "http1.unexpected_underscore"),
        ("POST /v1/search HTTP/1.1", "host: x\r\ncontent-length: x\r\n\r\n", "http1.codec_error"),
    ],
)
def test_whatever_is_refused_the_answer_says_why(edge: Edge, request_line: str, more: str, problem: str) -> None:
    status, answer = said(edge, request_line, more=more)
    assert status == "HTTP/1.1 400 Bad Request"
    assert answer == {"error": f"request: refused by the edge: {problem}"}


def test_headers_that_are_too_large_are_told_so(edge: Edge) -> None:
    answer = edge.client.get("/readyz", headers={"a": "x" * 70_000})
    assert answer.status_code == 431
    assert answer.json() == {"error": "headers: too many or too large, expected at most 100 of 60 KiB in all"}


def test_too_many_requests_at_once_are_told_to_come_back(edge: Edge) -> None:
    slow = "/v2/models/ranking/infer"  # it may take so long that all are sent before the first answer
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: edge.client.post(slow, json={"sleep": 2}), range(24)))
    shed = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in shed} == {429}
    assert shed[0].json() == {"error": "requests: too many at once: retry after 1 s"}
    assert shed[0].headers["retry-after"] == "1"
    assert 4 <= len(answers) - len(shed) <= 20


def test_a_gateway_that_hangs_costs_a_request_its_time_limit(edge: Edge) -> None:
    answer = edge.client.post(SEARCH, json={"sleep": 20})
    assert answer.status_code == 504
    assert answer.json() == {"error": "gateway: no answer in time"}


def test_what_identifies_a_request_reaches_the_gateway(edge: Edge) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent = {"traceparent": parent, "x-request-timeout-ms": "20", "x-forwarded-for": "10.0.0.1"}
    headers = edge.client.post(SEARCH, json={}, headers=sent).json()["headers"]
    assert headers["traceparent"] == parent
    assert headers["x-request-timeout-ms"] == "20"
    assert len(headers["x-request-id"]) == 36
    assert headers["x-forwarded-for"].startswith("10.0.0.1,")  # and who really sent it


def test_a_gateway_that_dies_and_comes_back_fails_no_request(edge: Edge) -> None:
    dying = edge.gateways[1]
    with under_load(edge) as load:
        load.go_on()
        dying.die()
        load.go_on(100)
        dying.live()
        until(edge.ready)
        load.go_on()
    assert load.failures == []


def test_without_a_gateway_the_answer_says_so_and_is_logged(edge: Edge) -> None:
    for gateway in edge.gateways:
        gateway.die()
    try:
        answer = edge.client.post(PAYMENT, json={})
    finally:
        for gateway in edge.gateways:
            gateway.live()
    assert answer.status_code == 503
    assert answer.json() == {"error": "gateway: no healthy instance: retry after 1 s"}
    until(edge.ready)
    said = "POST /v1/payments/score 503"
    until(lambda: any(event.get("message") == said for event in events(edge)))
    logged = next(event for event in events(edge) if event.get("message") == said)
    assert logged["http.response.status_code"] == 503
    assert logged["service.name"] == "envoy"
    assert logged["labels.version"] == "1"
    assert logged["event.duration"] > 0


@pytest.fixture(scope="module")
def rationed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One that lets in 20 requests a second, and no more."""
    with running_edge(tmp_path_factory.mktemp("rationed"), SHOP_EDGE_RATE="20") as edge:
        yield edge


def test_more_requests_than_the_rate_are_shed(rationed: Edge) -> None:
    with ExitStack() as open_until_the_end:
        # opened before: a client that takes its time for each request would keep to the rate
        connections = [
            open_until_the_end.enter_context(socket.create_connection(("127.0.0.1", rationed.port), timeout=GENEROUS_S))
            for _ in range(100)
        ]
        for connection in connections:
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answers = [everything(connection) for connection in connections]
    shed = [answer for answer in answers if not answer.startswith(b"HTTP/1.1 404 ")]
    assert 0 < len(shed) < len(answers)
    assert all(answer.startswith(b"HTTP/1.1 429 ") for answer in shed)
    assert b"\r\nretry-after: 1\r\n" in shed[0]


def events(edge: Edge) -> list[dict[str, Any]]:
    return [json.loads(line) for line in edge.log.read_text().splitlines() if line.startswith("{")]


class under_load:  # noqa: N801 - reads as what it does
    """Sends searches, one after the other, on two connections; `failures` are the answers that are not 200."""

    def __init__(self, edge: Edge) -> None:
        self._url = f"http://127.0.0.1:{edge.port}{SEARCH}"
        self.failures: list[str] = []
        self._answered = count()
        self._answers = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(2)]

    def _send(self) -> None:
        with httpx.Client(timeout=GENEROUS_S) as client:
            while not self._stop.is_set():
                answer = client.post(self._url, json={"sleep": 0.005})
                self._answers = next(self._answered)
                if answer.status_code != 200:
                    self.failures.append(f"{answer.status_code} {answer.text}")

    def go_on(self, answers: int = 20) -> None:
        """Waits until there are so many answers more."""
        wanted = self._answers + answers
        until(lambda: self._answers >= wanted, f"{answers} more answers")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
