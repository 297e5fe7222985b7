"""``make exam-3`` examines the level that runs here, starts it if it is not up, or asks the one at ``URL``.

``SHOP_API_KEY`` is the key that it sends to a level that asks for one.
"""

from __future__ import annotations

import sys

from course.exam import Examined, LevelExam
from course.exam.command import main
from shop.addresses import Addresses
from shop.commands.exam import answers, changes, running
from shop.commands.stack import stack
from shop.endpoints import RECOMMENDATIONS
from shop.gateway.domain.errors import UnauthorizedError
from shop.gateway.settings import GatewaySettings
from shop.load.caller import key_headers
from shop.load.oracle import Oracle
from workbench.cluster.reach import reached_context

__all__ = ["EXAM", "here"]


def here(seed: int) -> Examined:
    """The level that was started from this folder, by its settings."""
    addresses = Addresses()
    ports = range(addresses.gateway_port, addresses.gateway_port + addresses.gateways)
    metrics = tuple(f"http://127.0.0.1:{port}/metrics" for port in ports)
    return Examined(
        3,
        f"http://127.0.0.1:{addresses.port}",
        stack(renew=False),
        seed,
        metrics,
        _facts(addresses),
        headers=key_headers(),
    )


def _elsewhere(url: str, seed: int) -> Examined:
    """The edge at an address, whose gateways' metrics are not in reach; or a gateway, by a port forwarded to it."""
    metrics = (f"{url}/metrics",) if reached_context() else ()
    return Examined(3, url, None, seed, metrics, _facts(Addresses()), headers=key_headers())


def _enter(examined: Examined) -> None:
    """Raises UnauthorizedError where the level asks for a key, and gets none that it knows."""
    answer = examined.http.post(RECOMMENDATIONS.path, json={})
    if answer.status_code == UnauthorizedError.status:
        sent = "SHOP_API_KEY is not one that it knows" if examined.headers else "give it one with SHOP_API_KEY=…"
        raise UnauthorizedError(examined.url, None, f"the level asks for an API key: {sent}")


def _facts(addresses: Addresses) -> dict[str, object]:
    oracle = Oracle(addresses, GatewaySettings())
    return {"addresses": addresses, "oracle": oracle, "rollout": changes.ROLLOUT, "gateways": addresses.gateways}


EXAM = LevelExam(
    level=3,
    package="shop",
    code=("03-advanced-multimodel-kserve/shop", "shared/servekit"),
    checks={
        "conformance": answers.conformance,
        "correctness": answers.correctness,
        "bad-input": answers.bad_input,
        "cache": answers.cache,
        "gate": changes.gate,
        "sla": running.sla,
        "overload": running.overload,
        "shift": changes.shift,
        "roll-back": changes.roll_back,
        "kill": running.lost_model,
        "drain": running.drain,
        "metrics": running.metrics,
        "traces": running.traces,
        "logs": running.logs,
        "audit": running.audit,
    },
    here=here,
    elsewhere=_elsewhere,
    in_cluster={"cache": answers.cache, "metrics": running.metrics},
    enter=_enter,
)

if __name__ == "__main__":
    sys.exit(main(EXAM))
