from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.patience import GENEROUS_S, until
from workbench.bench import Contender, Peer, closed_loop, compare, free_ports, in_turn, load
from workbench.bench.load import BadAnswerError
from workbench.load import Request
from workbench.processes import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = """
import asyncio, sys

async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\\r\\n")[0])
            body = await reader.readexactly(size)
            await asyncio.sleep(float(sys.argv[2]))
            reply = body.upper()
            head = b"HTTP/1.1 %s\\r\\ncontent-length: %d\\r\\n\\r\\n" % (sys.argv[3].encode(), len(reply))
            writer.write(head + reply)
            if len(sys.argv) > 4:
                return writer.close()
    except asyncio.IncompleteReadError:
        writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""
REQUESTS = [Request("/", b"a"), Request("/", b"bc")]
UNTIL_IT_FAILS_S = GENEROUS_S
"""A window for what ends with the first fault: in a short one, a busy machine may not come to it."""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


def peer(script: Path, name: str, delay_s: float = 0, status: str = "200 OK") -> Peer:
    (port,) = free_ports(1)
    return Peer(name, [sys.executable, str(script), str(port), str(delay_s), status], port)


@pytest.fixture
def all_cores() -> Iterator[None]:
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    yield
    assert os.sched_getaffinity(0) == before, "the generator did not give its cores back"


@pytest.mark.usefixtures("all_cores")
def test_peers_are_measured_in_turn_and_stopped(script: Path) -> None:
    told: list[str] = []
    peers = [peer(script, "quick"), peer(script, "slow", 0.02)]
    quick, slow = compare(
        peers, REQUESTS, lambda _: [b"A", b"BC"], connections=2, rounds=2, seconds=0.3, progress=told.append
    )
    assert (quick.name, slow.name) == ("quick", "slow")
    assert slow.p50_ms >= 20  # its own sleep; how quick the other one is, a busy machine decides
    assert slow.p99_ms >= slow.p50_ms
    assert 0 < slow.rps < 150  # two connections, 20 ms each: 100, and what the edges of a short window add
    assert quick.rss_mb > 5, "no Python is as small"
    assert [line.split(": ")[1] for line in told[1:]] == ["quick", "slow", "slow", "quick"], "rounds go A B B A"
    running = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
    assert not [each for each in running if str(script) in each.cmdline()]


def test_a_wrong_answer_ends_the_measurement(script: Path) -> None:
    with pytest.raises(BadAnswerError, match="answered 200 b'BC', expected b'XX'"):
        compare(
            [peer(script, "wrong")],
            REQUESTS,
            lambda _: [b"A", b"XX"],
            connections=1,
            rounds=1,
            seconds=UNTIL_IT_FAILS_S,
        )


def test_who_stops_answering_is_left_out_where_the_others_go_on(script: Path) -> None:
    good, bad = peer(script, "good"), peer(script, "bad", status="500 Internal Server Error")
    gone: list[str] = []
    with running(good.command, {}) as first, running(bad.command, {}) as second:
        until(lambda: listens(good.port) and listens(bad.port), "listening")
        contenders = [Contender(good, first, REQUESTS, None), Contender(bad, second, REQUESTS, None)]
        rows = in_turn(
            contenders, rounds=2, seconds=0.1, lost=lambda each, error: gone.append(f"{each.peer.name} {error}")
        )
    assert [(row.name, len(row.rounds)) for row in rows] == [("good", 2)]
    assert len(gone) == 1
    assert gone[0].startswith("bad answered 500")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_error_status_ends_the_measurement(script: Path) -> None:
    failing = peer(script, "failing", status="500 Internal Server Error")
    with pytest.raises(BadAnswerError, match="answered 500"):
        compare([failing], REQUESTS, lambda _: None, connections=1, rounds=1, seconds=UNTIL_IT_FAILS_S)


def test_a_server_that_never_answers_is_no_measurement(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_PATIENCE_S", 0.2)
    with pytest.raises(BadAnswerError, match=r"no answer within \d+\.\d s"):
        compare([peer(script, "mute", 60)], REQUESTS, lambda _: None, connections=1, rounds=1, seconds=0.2)


def test_a_peer_that_does_not_start_is_named(tmp_path: Path) -> None:
    broken = Peer("broken", [sys.executable, "-c", "raise SystemExit(3)"], free_ports(1)[0])
    with pytest.raises(RuntimeError, match="broken: exited with 3 before it was ready"):
        compare([broken], REQUESTS, lambda _: None)
    assert not list(tmp_path.iterdir())


def test_nothing_listening_is_an_error() -> None:
    with pytest.raises(ConnectionRefusedError):
        closed_loop(free_ports(1)[0], REQUESTS, None, 1, 0.1)


def test_a_server_that_closes_its_connections_is_an_error(script: Path) -> None:
    (port,) = free_ports(1)
    closing = Peer("closing", [sys.executable, str(script), str(port), "0", "200 OK", "close"], port)
    with pytest.raises(ConnectionError, match="the server closed a connection that was to be kept"):
        compare([closing], REQUESTS, lambda _: [b"A", b"BC"], connections=2, rounds=1, seconds=UNTIL_IT_FAILS_S)
