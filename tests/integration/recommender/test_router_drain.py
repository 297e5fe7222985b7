"""SIGTERM loses no request of the router: what was sent is answered, then the process ends with 0."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import httpx

from tests.integration.recommender.microservice import answers
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from tests.integration.recommender.microservice import FeedbackFile, RouterProcess

PREDICTIONS = "/api/v1.0/predictions"
CONNECTIONS = 6


def test_under_load_every_request_is_answered(router: RouterProcess) -> None:
    answered: list[int] = []

    def ask_until_closed() -> bool:
        """Sends one request after the other on one connection; True when the router said that it would close it."""
        connection = HTTPConnection("127.0.0.1", router.port, timeout=GENEROUS_S)
        while True:
            connection.request("POST", PREDICTIONS, b'{"strData": "x"}', {"content-type": "application/json"})
            answer = connection.getresponse()  # raises where there is none
            assert b'"x a.in b.predict"' in answer.read()
            answered.append(answer.status)
            if answer.getheader("connection") == "close":
                connection.close()
                return True

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        asking = [pool.submit(ask_until_closed) for _ in range(CONNECTIONS)]
        until(lambda: len(answered) >= 100)
        router.process.send_signal(signal.SIGTERM)
        assert [each.result(GENEROUS_S) for each in asking] == [True] * CONNECTIONS
    assert set(answered) == {200}

    draining = httpx.get(f"{router.url}/ready")
    assert draining.status_code == 503
    assert draining.json()["status"]["info"] == "server draining: call another replica"
    assert httpx.post(f"{router.url}{PREDICTIONS}", json={"strData": "late"}).status_code == 200
    router.process.send_signal(signal.SIGTERM)  # a second one ends the drain
    assert router.process.wait(GENEROUS_S) == 0
    assert router.process.stderr
    assert router.process.stderr.read() == ""


def test_a_request_under_way_is_completed_after_the_router_has_stopped_listening(
    router: RouterProcess, feedback: FeedbackFile
) -> None:
    connection = HTTPConnection("127.0.0.1", router.port, timeout=GENEROUS_S)
    with feedback.held(3):
        connection.request("POST", PREDICTIONS, b'{"strData": "x b:hold=3"}', {"content-type": "application/json"})
        until(lambda: 'serving_requests_in_flight{level="2"} 2.0' in httpx.get(f"{router.url}/metrics").text)
        router.process.send_signal(signal.SIGTERM)
        until(lambda: httpx.get(f"{router.url}/ready").status_code == 503, "draining")
        router.process.send_signal(signal.SIGTERM)
        until(lambda: not answers(f"{router.url}/live"))
    assert connection.getresponse().status == 200
    connection.close()
    assert router.process.wait(GENEROUS_S) == 0
