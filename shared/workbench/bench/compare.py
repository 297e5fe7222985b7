"""The side-by-side protocol: start all, pin, run in turn, take medians."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from workbench.bench.load import WARM_SHARE, BadAnswerError, LoadResult, closed_loop
from workbench.processes import cpu_s, family, on_core, pin_threads, resident_bytes, running

if TYPE_CHECKING:
    import psutil

    from workbench.load import Request

__all__ = ["Contender", "Peer", "PeerResult", "compare", "free_block", "free_ports", "in_turn"]

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


class Contender(NamedTuple):
    """A running server, what it is asked, and what the bodies of its answers must start with."""

    peer: Peer
    process: psutil.Popen
    requests: Sequence[Request]
    answers: Sequence[bytes] | None


class PeerResult(msgspec.Struct, frozen=True):
    """Medians over the rounds; ``cpu_us`` is the CPU time of the server's processes for one request, in microseconds.

    ``rss_mb`` is their resident memory, together. ``rounds`` are what each of them measured, in their order.
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
    with ExitStack() as stack:
        progress("starting")
        processes = {peer.name: stack.enter_context(running(peer.command, peer.environment)) for peer in peers}
        for peer in peers:
            _pin_when_ready(peer, processes[peer.name])
        contenders = [Contender(peer, processes[peer.name], requests, answers(peer)) for peer in peers]
        return in_turn(contenders, connections=connections, rounds=rounds, seconds=seconds, progress=progress)


def in_turn(  # noqa: PLR0913 - see above
    contenders: Sequence[Contender],
    *,
    connections: int = 16,
    rounds: int = 6,
    seconds: float = 2.0,
    progress: Callable[[str], None] = lambda _: None,
    lost: Callable[[Contender, Exception], None] | None = None,
) -> list[PeerResult]:
    """Measures servers that run already, and have their core; the options are those of `compare`.

    Args:
        contenders: in the order of the table.
        connections: kept alive by the generator, which has a core of its own meanwhile.
        rounds: each measures every server once, odd ones in reverse order.
        seconds: of each measurement.
        progress: told what is being done.
        lost: told of a server that stops answering as it should, which then has no row; without it that is an error.

    Raises:
        BadAnswerError: an answer is not the expected one.
        ConnectionError: a server refuses or closes a connection.
    """
    runs: dict[str, list[tuple[LoadResult, float]]] = {each.peer.name: [] for each in contenders}
    with on_core(_CORES[1]):
        for number in range(rounds):
            for each in contenders if number % 2 == 0 else reversed(contenders):
                name = each.peer.name
                if name not in runs:
                    continue
                progress(f"round {number + 1} of {rounds}: {name}")
                try:
                    runs[name].append(_measured(each, connections, seconds))
                except (BadAnswerError, ConnectionError) as error:
                    if lost is None:
                        raise
                    lost(each, error)
                    del runs[name]
    kept = [each for each in contenders if each.peer.name in runs]
    return [_row(each.peer.name, runs[each.peer.name], resident_bytes(family(each.process.pid))) for each in kept]


def _measured(each: Contender, connections: int, seconds: float) -> tuple[LoadResult, float]:
    before = cpu_s(family(each.process.pid))
    result = closed_loop(each.peer.port, each.requests, each.answers, connections, seconds)
    return result, cpu_s(family(each.process.pid)) - before


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, nor is given by the kernel for a connection of its own."""
    tried = random.sample(_PORTS, len(_PORTS))  # another measurement may choose at the same time
    return list(islice(filter(_is_free, tried), count))


def free_block(size: int) -> int:
    """The first of so many such ports in a row.

    Raises:
        OSError: there are none.
    """
    for start in random.sample(_PORTS, len(_PORTS)):
        if all(map(_is_free, range(start, start + size))):
            return start
    raise OSError(f"ports {_PORTS.start} to {_PORTS.stop - 1}: expected {size} in a row that are free")


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
