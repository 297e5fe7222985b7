"""``make exam-3`` examines the level that runs here, starts it if it is not up, or asks the one at ``URL``."""

from __future__ import annotations

import sys

from course.exam import Examined, LevelExam
from course.exam.command import main
from shop.addresses import Addresses
from shop.commands.exam import answers, changes, running
from shop.commands.stack import stack
from shop.gateway.settings import GatewaySettings
from shop.load.oracle import Oracle

__all__ = ["EXAM", "here"]


def here(seed: int) -> Examined:
    """The level that was started from this folder, by its settings."""
    addresses = Addresses()
    ports = range(addresses.gateway_port, addresses.gateway_port + addresses.gateways)
    metrics = tuple(f"http://127.0.0.1:{port}/metrics" for port in ports)
    return Examined(3, f"http://127.0.0.1:{addresses.port}", stack(renew=False), seed, metrics, _facts(addresses))


def _elsewhere(url: str, seed: int) -> Examined:
    return Examined(3, url, None, seed, (), _facts(Addresses()))


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
)

if __name__ == "__main__":
    sys.exit(main(EXAM))
