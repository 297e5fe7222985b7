"""The side-by-side protocol: start all, pin, run in turn, take medians."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from workbench.bench.load import WARM_SHARE, LoadResult, closed_loop
from workbench.processes import cpu_s, family, pin_threads, resident_bytes, running

if TYPE_CHECKING:
    import psutil

    from workbench.load import Request

__all__ = ["Peer", "PeerResult", "compare", "free_ports"]

_READY_WITHIN_S = 120
_CORES = (0, 1)
_PORTS = range(10_000, 12_000)


class Peer(msgspec.Struct, frozen=True):
    """A server to be measured.

    Attributes:
        name: what the table calls it.
        command: starts it in the foreground.
        port: where it will listen on 127.0.0.1.
        environment: added to this process's.
    """

    name: str
    command: Sequence[str]
    port: int
    environment: Mapping[str, str] = {}


class PeerResult(msgspec.Struct, frozen=True):
    """Medians over the rounds; ``cpu_us`` is the server's CPU time for one request, in microseconds.

    ``rounds`` are what each of them measured, in their order.
    """

    name: str
    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    rss_mb: float
    rounds: list[LoadResult]


def compare(  # noqa: PLR0913 - an experiment has that many knobs
    peers: Sequence[Peer],
    requests: Sequence[Request],
    answers: Callable[[Peer], Sequence[bytes] | None],
    *,
    connections: int = 16,
    rounds: int = 6,
    seconds: float = 2.0,
    progress: Callable[[str], None] = lambda _: None,
) -> list[PeerResult]:
    """Measures the peers against each other.

    Args:
        peers: the servers, in the order of the table.
        requests: the same for each.
        answers: what a running peer's bodies must start with; called once for each, before the first round.
        connections: kept alive by the generator.
        rounds: each measures every peer once, odd ones in reverse order.
        seconds: of each measurement.
        progress: told what is being done.

    Raises:
        RuntimeError: a peer does not start.
    """
    runs: dict[str, list[tuple[LoadResult, float]]] = {peer.name: [] for peer in peers}
    with ExitStack() as stack:
        progress("starting")
        processes = {peer.name: stack.enter_context(running(peer.command, peer.environment)) for peer in peers}
        for peer in peers:
            _pin_when_ready(peer, processes[peer.name])
        expected = {peer.name: answers(peer) for peer in peers}
        pin_threads(_CORES[1], 0)
        stack.callback(_unpin)
        for number in range(rounds):
            for peer in peers if number % 2 == 0 else reversed(peers):
                progress(f"round {number + 1} of {rounds}: {peer.name}")
                before = cpu_s(family(processes[peer.name].pid))
                result = closed_loop(peer.port, requests, expected[peer.name], connections, seconds)
                runs[peer.name].append((result, cpu_s(family(processes[peer.name].pid)) - before))
        return [_row(peer.name, runs[peer.name], resident_bytes([processes[peer.name]])) for peer in peers]


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, nor is given by the kernel for a connection of its own."""
    tried = random.sample(_PORTS, len(_PORTS))  # another measurement may choose at the same time
    return list(islice(filter(_is_free, tried), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _row(name: str, runs: list[tuple[LoadResult, float]], rss: int) -> PeerResult:
    return PeerResult(
        name=name,
        rps=median(result.rps for result, _ in runs),
        p50_ms=median(result.p50_ms for result, _ in runs),
        p99_ms=median(result.p99_ms for result, _ in runs),
        cpu_us=median(cpu_s / (result.requests * WARM_SHARE) for result, cpu_s in runs) * 1e6,
        rss_mb=rss / 1e6,
        rounds=[result for result, _ in runs],
    )


def _pin_when_ready(peer: Peer, process: psutil.Popen) -> None:
    _wait_for(peer, process)
    pin_threads(_CORES[0], *(thread.id for thread in process.threads()))


def _wait_for(peer: Peer, process: psutil.Popen) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{peer.name}: exited with {process.returncode} before it was ready")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", peer.port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{peer.name}: not listening on port {peer.port} within {_READY_WITHIN_S} s")


def _unpin() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
