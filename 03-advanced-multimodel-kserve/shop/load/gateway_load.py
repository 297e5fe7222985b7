"""What `make gateways-3` sends, and how it measures what that costs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from shop.endpoints import BY_KIND, PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.features.store import USER_WIDTH
from shop.serving.stores import connect
from workbench.bench import closed_loop
from workbench.load import Request
from workbench.processes import cpu_s, family
from workbench.stack import HttpReady

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import psutil

    from shop.load.private_stack import PrivateStack

__all__ = ["Candidate", "GatewayCost", "Ratio", "check_same", "measure_costs", "measure_hits", "ready", "same"]

_CANDIDATES, _K = 100, 10
_BODIES = 512
_CONNECTIONS = 8
_WARM = 1.1  # of a run, what is warm-up and is paid for, too
_READY_WITHIN_S = 90
_TOLERANCE = 1e-5
_HIT_USERS = 200


@dataclass
class Candidate:
    """A gateway to measure: how it is started and where it listens."""

    name: str
    command: Sequence[str]
    port: int
    environment: Mapping[str, str]
    peer: bool = False
    process: psutil.Popen = field(init=False)

    def path(self, kind: str) -> str:
        """The path at which it answers this kind of request."""
        return f"/v1/models/{kind}:predict" if self.peer else BY_KIND[kind].path


@dataclass(frozen=True)
class GatewayCost:
    """A gateway's own CPU for a request, in µs, and what it did; medians over the rounds, and the CPU of each."""

    name: str
    kind: str
    cpu_us: float
    rps: float
    p50_ms: float
    rounds_us: tuple[float, ...]


@dataclass(frozen=True)
class Ratio:
    """CPU of gateway, Triton and stores together for a request, in µs: found in the cache, and computed.

    Medians over the rounds; ``rounds`` are the hit's shares of the miss in each.
    """

    kind: str
    rounds: tuple[float, ...]
    hit_us: float
    hit_gateway_us: float
    miss_us: float
    miss_gateway_us: float


def ready(candidate: Candidate) -> None:
    """Waits until it answers; raises RuntimeError when it does not."""
    path = "/v2/health/ready" if candidate.peer else "/readyz"
    probe = HttpReady(f"http://127.0.0.1:{candidate.port}{path}")
    deadline = time.monotonic() + _READY_WITHIN_S
    while (missing := probe.missing()) is not None:
        if candidate.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{candidate.name}: {missing}")
        time.sleep(0.1)


def check_same(candidates: Sequence[Candidate], stack: PrivateStack) -> None:
    """Raises RuntimeError where two of them answer the same request differently."""
    for kind in BY_KIND:
        for body in _bodies(kind, stack, 20):
            first, *others = [_answer(each, kind, body) for each in candidates]
            for candidate, other in zip(candidates[1:], others, strict=True):
                if not same(first, other):
                    raise RuntimeError(f"{candidate.name}: {kind} {body.decode()}: {other} instead of {first}")


def measure_costs(
    candidates: Sequence[Candidate], stack: PrivateStack, rounds: int, seconds: float, progress: Callable[[str], None]
) -> list[GatewayCost]:
    """The cost of each candidate and kind, measured in turns under the same closed loop."""
    costs = []
    for kind in BY_KIND:
        bodies = _bodies(kind, stack, _BODIES)
        runs: dict[str, list[tuple[float, float, float]]] = {each.name: [] for each in candidates}
        for number in range(rounds):
            for each in candidates if number % 2 == 0 else reversed(candidates):
                progress(f"{kind}, round {number + 1} of {rounds}: {each.name}")
                requests = [Request(each.path(kind), body) for body in bodies]
                before = cpu_s(family(each.process.pid))
                result = closed_loop(each.port, requests, None, _CONNECTIONS, seconds)
                cpu_us = (cpu_s(family(each.process.pid)) - before) / (result.requests * _WARM) * 1e6
                runs[each.name].append((cpu_us, result.rps, result.p50_ms))
        for name, measured in runs.items():
            cpu_us, rps, p50_ms = (median(column) for column in zip(*measured, strict=True))
            each_us = tuple(round(one, 1) for one, _, _ in measured)
            costs.append(GatewayCost(name, kind, round(cpu_us, 1), round(rps), round(p50_ms, 2), each_us))
    return costs


def measure_hits(
    candidate: Candidate, stack: PrivateStack, rounds: int, seconds: float, progress: Callable[[str], None]
) -> list[Ratio]:
    """The CPU of all processes for cache hits and for misses, measured in turns, for each kind that is cached."""
    processes = (candidate.process, stack.triton, stack.features, stack.cache)
    ratios = []
    for kind in (RECOMMENDATIONS.kind, SEARCH.kind):
        fresh = count(1)
        spent: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        hits = _bodies(kind, stack, _HIT_USERS)
        for number in range(rounds):
            for hit in (True, False) if number % 2 == 0 else (False, True):
                progress(f"{kind}, round {number + 1} of {rounds}: {'hits' if hit else 'misses'}")
                bodies = hits if hit else _bodies(kind, stack, 20_000, seed=next(fresh))
                requests = [Request(candidate.path(kind), body) for body in bodies]
                with connect(stack.addresses, "cache") as cache:
                    cache.flushall()
                if hit:
                    closed_loop(candidate.port, requests, None, _CONNECTIONS, 0.5)
                before = [cpu_s(family(each.pid)) for each in processes]
                result = closed_loop(candidate.port, requests, None, _CONNECTIONS, seconds)
                each_us = [
                    (cpu_s(family(process.pid)) - was) / (result.requests * _WARM) * 1e6
                    for process, was in zip(processes, before, strict=True)
                ]
                spent[hit].append((sum(each_us), each_us[0]))
        found, computed = ([median(column) for column in zip(*spent[hit], strict=True)] for hit in (True, False))
        figures = (round(value, 1) for value in (*found, *computed))
        shares = (one / other for (one, _), (other, _) in zip(spent[True], spent[False], strict=True))
        ratios.append(Ratio(kind, tuple(round(share, 3) for share in shares), *figures))
    return ratios


def _bodies(kind: str, stack: PrivateStack, number: int, seed: int = 0) -> list[bytes]:
    """Request bodies of a kind, about people and items that exist; the same for the same seed."""
    random = Random(f"{kind}-{seed}")  # noqa: S311 - the same requests in every run
    folder = stack.addresses.features_dir
    sizes = {name: len(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _DRAWN[kind]}
    # of someone new to the model it is not asked: that would be no work to compare
    embeddings = np.load(folder / "users.npy", mmap_mode="r")[:, USER_WIDTH:]
    known = np.nonzero(np.any(embeddings != 0, axis=1))[0].tolist()

    def one(name: str) -> int:
        return random.randrange(sizes[name])

    kinds: dict[str, Callable[[int], dict[str, Any]]] = {
        SEARCH.kind: lambda _: {
            "user": one("users"),
            "query": {"category": random.randrange(16), "price": round(random.uniform(5, 200), 2)},
            "candidates": random.sample(range(sizes["items"]), min(_CANDIDATES, sizes["items"])),
            "k": _K,
        },
        PAYMENTS.kind: lambda place: {
            "payment": f"p-{place}", "user": one("users"), "card": one("cards"), "device": one("devices"),
            "ip": one("ips"), "amount": round(random.uniform(1, 500), 2), "category": random.randrange(16),
            "hour": random.randrange(24),
        },
        RECOMMENDATIONS.kind: lambda _: {"user": random.choice(known), "k": _K},
    }  # fmt: skip
    return [json.dumps(kinds[kind](place)).encode() for place in range(number)]


_DRAWN = {
    SEARCH.kind: ("users", "items"),
    PAYMENTS.kind: ("users", "cards", "devices", "ips"),
    RECOMMENDATIONS.kind: ("users",),
}


def _answer(candidate: Candidate, kind: str, body: bytes) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", candidate.port, timeout=30)
    try:
        connection.request("POST", candidate.path(kind), body, {"content-type": "application/json"})
        reply = connection.getresponse()
        content = reply.read()
    finally:
        connection.close()
    if reply.status != 200 or reply.getheader("x-degraded"):  # noqa: PLR2004 - all else is no answer here
        raise RuntimeError(f"{candidate.name}: {kind}: {reply.status} {content[:200]!r}")
    found: dict[str, Any] = json.loads(content)
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two answers are equal but for the last digits of their numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _TOLERANCE * max(1.0, abs(one))
    return bool(one == other)
