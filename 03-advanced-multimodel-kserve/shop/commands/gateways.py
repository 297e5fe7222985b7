"""``make gateways-3``: compare the gateway with one on the KServe Python SDK, and cache hits with misses.

All use one real Triton and one feature store. First they do the same work: no cache, and their answers are compared.
Then the gateway as it is served: what a request costs all processes together (gateway, Triton, both stores) when its
answer is in the cache, and when it is not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from servekit.artefact_folder import ArtefactError
from servekit.json_file import write_json
from shop.load.gateway_load import Candidate, GatewayCost, Ratio, check_same, measure_costs, measure_hits, ready
from shop.load.private_stack import PrivateStack, private_stack
from shop.serving.feature_set import FeatureSetError
from workbench.arguments import count, positive
from workbench.bench import all_of, at_least, at_most, free_ports
from workbench.hardware import describe, hardware_stamp
from workbench.processes import pin, running
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from workbench.bench import Goal

__all__ = ["main", "report"]

_OUTPUT = Path(".run/bench/gateways-3.json")
_LEVEL = Path(__file__).parents[2]
_PEER = _LEVEL / "peers" / "kserve_gateway.py"
_PYTHON = Path(".venvs/bench/bin/python")
_GOAL, _HIT_GOAL = 2.0, 0.25
_OURS, _SERVED = "the gateway, nothing kept", "the gateway as served, without its cache"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints two tables, writes ``.run/bench/gateways-3.json``.

    Exit codes: 0 goals met, 1 one is missed, 2 nothing measured, 3 too close to tell.
    """
    parser = argparse.ArgumentParser(prog="python -m shop.commands.gateways", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--rounds", type=count, default=5, help="rounds, each of which measures everything once (default: 5)"
    )
    parser.add_argument("--seconds", type=positive, default=2.0, help="seconds of each measurement (default: 2)")
    options = parser.parse_args(argv)
    rounds, seconds = options.rounds, options.seconds
    console, stamp = make_console(), hardware_stamp()
    try:
        with tempfile.TemporaryDirectory(prefix="gateways-") as folder, private_stack(Path(folder)) as stack:
            costs, ratios = _measure(stack, rounds, seconds, console)
    except (ArtefactError, FeatureSetError, RuntimeError, OSError) as error:
        say(f"gateways: {error}", stderr=True)
        return 2
    document = {
        "command": "make gateways-3",
        "hardware": stamp,
        "rounds": rounds,
        "seconds": seconds,
        "gateways": [asdict(cost) for cost in costs],
        "cache": [asdict(ratio) for ratio in ratios],
    }
    write_json(_OUTPUT, document)
    goal = report(console, costs, ratios)
    console.print(
        f"[dim]{describe(stamp)}; {rounds} rounds of {seconds:g} s, in turn, forwards and backwards; medians[/]"
    )
    return {"met": 0, "missed": 1, "too close to tell": 3}[goal]


def _measure(
    stack: PrivateStack, rounds: int, seconds: float, console: Console
) -> tuple[list[GatewayCost], list[Ratio]]:
    with ExitStack() as started, console.status("starting") as status:
        candidates = [started.enter_context(_started(each, stack)) for each in _candidates()]
        for each in candidates:
            ready(each)
            pin(0, each.process)
        pin(1, psutil.Process(), stack.triton, stack.features, stack.cache)
        status.update("comparing answers")
        *uncached, cached = candidates
        check_same(uncached, stack)
        costs = measure_costs(uncached, stack, rounds, seconds, status.update)
        return costs, measure_hits(cached, stack, rounds, seconds, status.update)


def _candidates() -> list[Candidate]:
    """All that are measured; the last one has its cache."""
    ours = [sys.executable, "-m", "shop.gateway"]
    peer = [str(_PYTHON), str(_PEER), "--port"]
    ports = free_ports(5)
    # deadline and limit are for another test: here every request is answered
    patient = {"SHOP_DEADLINE_MS": "5000", "SHOP_TARGET_MS": "4000", "SHOP_CACHE_BUDGET_MS": "1000"}
    plain = {**patient, "SHOP_CACHE": "false"}
    package = {"PYTHONPATH": str(_LEVEL)}
    return [
        Candidate(_OURS, ours, ports[0], {**plain, "SHOP_ITEM_BLOCKS": "0", "SHOP_GATEWAY_PORT": str(ports[0])}),
        Candidate(_SERVED, ours, ports[1], {**plain, "SHOP_GATEWAY_PORT": str(ports[1])}),
        Candidate("KServe SDK, tritonclient", [*peer, str(ports[2])], ports[2], package, peer=True),
        Candidate(
            "KServe SDK, its REST client",
            [*peer, str(ports[3])],
            ports[3],
            {**package, "PEER_CLIENT": "kserve"},
            peer=True,
        ),
        Candidate(
            "cached", ours, ports[4], {**patient, "SHOP_CACHE_TTL_S": "3600", "SHOP_GATEWAY_PORT": str(ports[4])}
        ),
    ]


@contextmanager
def _started(candidate: Candidate, stack: PrivateStack) -> Iterator[Candidate]:
    with running(candidate.command, {**stack.environment, **candidate.environment}) as candidate.process:
        yield candidate


def report(console: Console, costs: list[GatewayCost], ratios: list[Ratio]) -> Goal:
    """Prints both tables and says whether the goals are met, in every round."""
    table = make_table(console, "request", "gateway", "CPU µs", "of ours", "req/s", "p50 ms", numbers=2)
    ours = {cost.kind: cost for cost in costs if cost.name == _OURS}
    for cost in costs:
        ratio = f"{cost.cpu_us / ours[cost.kind].cpu_us:.2f}×"
        table.add_row(cost.kind, cost.name, f"{cost.cpu_us:.0f}", ratio, f"{cost.rps:,.0f}", f"{cost.p50_ms:.2f}")
    console.print(table)
    table = make_table(console, "request", "cache hit", "miss", "hit / miss", "gateway alone, hit", "miss", numbers=1)
    for each in ratios:
        share = f"{each.hit_us / each.miss_us:.2f}"
        gateway = f"{each.hit_gateway_us:.0f} µs", f"{each.miss_gateway_us:.0f} µs"
        table.add_row(each.kind, f"{each.hit_us:.0f} µs", f"{each.miss_us:.0f} µs", share, *gateway)
    console.print(table)
    peers = [(cost, ours[cost.kind]) for cost in costs if cost.name.startswith("KServe")]
    least = min(peer.cpu_us / mine.cpu_us for peer, mine in peers)
    most = max(each.hit_us / each.miss_us for each in ratios)
    dearer = all_of(at_least(_ratios(peer, mine), _GOAL) for peer, mine in peers)
    cheaper = all_of(at_most(each.rounds, _HIT_GOAL) for each in ratios)
    console.print(f"the SDK's best takes {least:.1f}× our CPU (goal: {_GOAL:g}×): {dearer}")
    console.print(f"a hit takes at most {most:.2f} of a miss (goal: {_HIT_GOAL:g}): {cheaper}")
    return all_of([dearer, cheaper])


def _ratios(peer: GatewayCost, ours: GatewayCost) -> list[float]:
    return [theirs / mine for theirs, mine in zip(peer.rounds_us, ours.rounds_us, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
