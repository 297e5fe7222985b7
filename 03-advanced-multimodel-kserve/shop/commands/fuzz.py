"""``make fuzz-3``: thousands of wrong requests, while people search, pay and look around beside them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor
from shop.addresses import Addresses
from shop.endpoints import BY_KIND, FEEDBACK_PATH, MODELS, PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.gateway.settings import GatewaySettings
from shop.load.oracle import Oracle
from shop.load.scenario import asked
from shop.load.world_traffic import WorldTraffic
from workbench.fuzz import Operation, Surface, main
from workbench.stack import join

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from random import Random

    from workbench.sla import Request

__all__ = ["surface"]

_SEARCH = b'{"user":1,"query":{"category":3,"price":20.5},"candidates":[1,2,3,4,5],"k":3}'
_PAYMENT = b'{"payment":"p-1","user":1,"card":1,"device":1,"ip":1,"amount":12.5,"category":3,"hour":12}'
_FEEDBACK = b'{"model":"ranking","version":"1","outcome":"click"}'
_HEADERS = ("x-model-version", "x-request-timeout-ms", "x-api-key", rest.HEADER_LENGTH)
_INPUTS = {"ranking": ("features", 128), "fraud": ("features", 64), "personalisation": ("user", 64)}
_STATED = {
    503: "a model server or the limit that has no room: README, section 6",
    504: "the deadline is over and there is no fallback: README, section 6",
}


def surface(urls: list[str], home: Path | None = None) -> Surface:
    """Everything that the edge answers, and the gateway behind it, in case somebody reaches it past the edge."""
    addresses = Addresses()
    traffic, oracle = WorldTraffic(addresses), Oracle(addresses, GatewaySettings())

    def right(draw: Random, nonce: str) -> Request:
        request = traffic.request(draw.choice(list(BY_KIND)), draw)
        if request.path != PAYMENTS.path:
            return request
        payment = msgspec.json.decode(request.body)
        return request._replace(body=msgspec.json.encode(payment | {"payment": nonce}))

    return Surface(
        3, urls, _endpoints(), right, lambda request, body: oracle.check(asked(request), body),
        headers=_HEADERS, stated={"/v": _STATED}, turned_away=_turned_away, home=home,
    )  # fmt: skip


def _turned_away(status: int, headers: Mapping[bytes, bytes]) -> bool:
    return status in {429, 503, 504} or b"x-degraded" in headers


def _endpoints() -> list[Operation]:
    gets = ["/readyz", "/healthz", "/v2", "/v2/health/ready", *(f"/v2/models/{model}" for model in MODELS)]
    return [
        Operation(SEARCH.path, [_SEARCH]),
        Operation(PAYMENTS.path, [_PAYMENT]),
        Operation(RECOMMENDATIONS.path, [b'{"user":7,"k":3}']),
        Operation(FEEDBACK_PATH, [_FEEDBACK]),
        *_tensors(),
        *(Operation(path, method="GET", headers={"accept": "application/json"}) for path in gets),
    ]


def _tensors() -> list[Operation]:
    """Each model's input, as JSON and in binary."""
    found = []
    for model, (name, width) in _INPUTS.items():
        tensor = Tensor(name, "FP32", np.linspace(0, 1, 2 * width, dtype=np.float32).reshape(2, width))
        body, _ = rest.encode_request(Inference((tensor,)))
        binary, length = rest.encode_request(Inference((tensor,), binary=None), binary_inputs=True)
        octets = {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(length)}
        found.append(Operation(f"/v2/models/{model}/infer", [body]))
        found.append(Operation(f"/v2/models/{model}/versions/1/infer", [binary], headers=octets))
    return found


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir)
    at = Addresses()
    edge, gateway = (f"http://127.0.0.1:{port}" for port in (at.port, at.gateway_port))
    sys.exit(main(surface([edge, edge, gateway], at.run_dir)))
