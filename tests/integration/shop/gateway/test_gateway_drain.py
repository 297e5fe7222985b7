"""SIGTERM loses no request of a gateway: what was sent is answered, then the process ends with 0."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING

from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.shop.gateway.conftest import GatewayProcess

CONNECTIONS = 6


def test_under_load_every_request_is_answered(start_gateway: Callable[..., GatewayProcess]) -> None:
    gateway = start_gateway(SHOP_DRAIN_S="3")
    answered: list[int] = []

    def ask_until_closed(number: int) -> bool:
        """One request after the other on one connection; True when the gateway said that it would close it."""
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=GENEROUS_S)
        body = json.dumps({"user": number, "k": 3})
        while True:
            connection.request("POST", "/v1/recommendations", body, {"content-type": "application/json"})
            answer = connection.getresponse()  # raises where there is none
            assert len(json.loads(answer.read())["items"]) == 3
            answered.append(answer.status)
            if answer.getheader("connection") == "close":
                connection.close()
                return True

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        asked = [pool.submit(ask_until_closed, number) for number in range(CONNECTIONS)]
        until(lambda: len(answered) > 200, "busy")
        gateway.process.send_signal(signal.SIGTERM)
        assert all(each.result(GENEROUS_S) for each in asked)
    assert set(answered) == {200}
    assert gateway.process.wait(GENEROUS_S) == 0
    assert gateway.process.stderr is not None
    assert gateway.process.stderr.read() == ""
