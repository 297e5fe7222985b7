"""The load engine against servers that answer late, wrongly, unasked or not at all."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING

import gevent
import pytest

from tests.patience import GENEROUS_S, until
from workbench.load import Answer, Engine, Failure, Phase, Request, Send, arrivals, encode, open_loop
from workbench.sla.greenlets import GreenletEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    StartServer = Callable[..., str]

RAW = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for answer in sys.argv[1:]:
    connection, _ = listener.accept()
    while answer == "wait":
        connection.recv(65536) or sys.exit()
    connection.recv(65536)
    connection.sendall(answer.encode().decode("unicode_escape").encode())
    connection.close()
"""


TWO = "HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi"


@pytest.fixture
def raw_server() -> Iterator[StartServer]:
    """Answers each connection once with the bytes it is given, then closes it."""
    processes = []

    def start(*answers: str) -> str:
        command = [sys.executable, "-c", RAW, *answers]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{process.stdout.readline().strip()}"

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server whose every move is the test's: the engine waits for nothing, so one thread is enough for both."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def engine_for(url: str | socket.socket, connections: int = 1, timeout_s: float = GENEROUS_S) -> Engine:
    address = url if isinstance(url, str) else f"http://127.0.0.1:{url.getsockname()[1]}"
    return Engine(address, connections=connections, timeout_s=timeout_s)


def sent(engine: Engine, body: bytes = b"", path: str = "/echo") -> list[Answer]:
    """Where the answer to a request will be that was sent just now."""
    answers: list[Answer] = []
    engine.send(engine.now(), encode(Request(path, body), engine.host), answers.append)
    return answers


def asked(engine: Engine, body: bytes = b"", path: str = "/echo") -> tuple[int, bytes]:
    answers = sent(engine, body, path)
    engine.drain()
    (answer,) = answers
    return answer.outcome, answer.body


def answered(engine: Engine, listener: socket.socket) -> tuple[list[Answer], socket.socket]:
    """The answer to a first request, and the server's side of its connection, which both keep."""
    answers = sent(engine)
    engine.turn(1)
    theirs, _ = listener.accept()
    theirs.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    turning(engine, lambda: answers, "answered")
    return answers, theirs


def turning(engine: Engine, condition: Callable[[], object], what: str) -> None:
    def found() -> object:
        engine.turn(engine.now() + 0.01)
        return condition()

    until(found, what)


def test_requests_share_kept_alive_connections_and_wait_for_their_turn(tiny_server: StartServer) -> None:
    with engine_for(tiny_server(), connections=2) as engine:
        answers = [sent(engine, b"%d" % number) for number in range(20)]
        assert len(engine.waiting_since()) == 20
        engine.drain()
        assert [(answer.outcome, answer.body) for (answer,) in answers] == [(0, b"%d" % n) for n in range(20)]
        assert engine.opened == 2
        assert engine.waiting_since() == []


def test_large_bodies_are_sent_and_read_piece_by_piece(tiny_server: StartServer) -> None:
    with engine_for(tiny_server()) as engine:
        body = Random(1).randbytes(3_000_000)
        assert [asked(engine, body) for _ in range(2)] == [(0, body)] * 2
        assert engine.opened == 1


def test_a_body_may_end_with_its_connection(raw_server: StartServer) -> None:
    with engine_for(raw_server("HTTP/1.1 200 OK\\r\\n\\r\\nuntil the end", TWO)) as engine:
        assert asked(engine) == (0, b"until the end")
        assert asked(engine) == (0, b"hi")
        assert engine.opened == 2


def test_a_body_may_come_in_chunks_and_headers_are_found_by_their_whole_name(listener: socket.socket) -> None:
    with engine_for(listener) as engine:
        answers = sent(engine)
        engine.turn(1)
        theirs, _ = listener.accept()
        theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Inference-Version: 7\r\n")
        turning(engine, lambda: theirs.recv(65_536), "asked")
        theirs.sendall(b"x-version:  3 \r\n\r\n2\r\nhe\r\n")
        engine.turn(engine.now() + 0.01)
        assert answers == []
        theirs.sendall(b"3\r\nllo\r\n0\r\n\r\n")
        engine.drain()
        (answer,) = answers
        theirs.close()
    assert (answer.status, answer.body) == (200, b"hello")
    assert (answer.header(b"x-version"), answer.header(b"version"), answer.header(b"x-none")) == (b"3", b"", b"")


def test_the_length_of_an_answer_is_not_taken_from_a_header_that_ends_alike(raw_server: StartServer) -> None:
    answer = "HTTP/1.1 200 OK\\r\\nInference-Header-Content-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\nhi"
    with engine_for(raw_server(answer)) as engine:
        assert asked(engine) == (0, b"hi")


def test_an_error_status_is_the_outcome(tiny_server: StartServer) -> None:
    with engine_for(tiny_server()) as engine:
        assert asked(engine, b"x", "/broken") == (500, b"broken")


def test_a_connection_that_the_server_closed_while_idle_is_replaced(raw_server: StartServer) -> None:
    with engine_for(raw_server(TWO, TWO)) as engine:
        assert asked(engine) == (0, b"hi")
        assert asked(engine) == (0, b"hi")


def test_a_request_that_crosses_the_closing_of_its_connection_is_sent_once_more(listener: socket.socket) -> None:
    with engine_for(listener) as engine:
        first, theirs = answered(engine, listener)
        second = sent(engine)  # it is on its way when the connection is closed
        theirs.close()
        turning(engine, lambda: engine.opened == 2, "connected again")
        again, _ = listener.accept()
        turning(engine, lambda: b"POST /echo" in again.recv(65_536), "asked again")
        again.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nho")
        engine.drain()
        again.close()
    assert [answer.body for answer in (*first, *second)] == [b"hi", b"ho"]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("", Failure.BROKEN),
        ("HTTP/1.1 200 OK\\r\\ncontent-length: 9\\r\\n\\r\\nshort", Failure.BROKEN),
        ("HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n2\\r\\nhi\\r\\n", Failure.BROKEN),
        (f"{TWO}{TWO}", Failure.MALFORMED),
        (f"{TWO}hi", Failure.MALFORMED),
        ("HTTP/1.1 100 Continue\\r\\n\\r\\n" + TWO, Failure.MALFORMED),
        ("this is not HTTP\\r\\n\\r\\n", Failure.MALFORMED),
        ("wait", Failure.TIMEOUT),
    ],
)
def test_a_failure_is_an_outcome_not_an_exception(raw_server: StartServer, answer: str, failure: Failure) -> None:
    with engine_for(raw_server(answer, TWO), timeout_s=1.0 if failure == Failure.TIMEOUT else GENEROUS_S) as engine:
        assert asked(engine) == (failure, b"")
        if failure == Failure.MALFORMED:
            assert asked(engine) == (0, b"hi"), "a connection that said too much was used again"


def test_an_answer_that_drips_is_a_timeout_and_its_time_is_the_limit(tiny_server: StartServer) -> None:
    with engine_for(tiny_server("--drip", "1"), timeout_s=0.6) as engine:
        answers = sent(engine, b"x")
        engine.drain()
        assert [answer.outcome for answer in answers] == [Failure.TIMEOUT]
        assert answers[0].latency_s >= 0.6


def test_what_arrives_unasked_is_never_taken_for_an_answer(listener: socket.socket) -> None:
    with engine_for(listener) as engine:
        first, theirs = answered(engine, listener)
        theirs.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother")
        until(lambda: not engine._idle[0].quiet(), "arrived")
        second = sent(engine)  # without a turn of the loop, which would have seen it
        turning(engine, lambda: engine.opened == 2, "connected again")
        others, _ = listener.accept()
        others.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nho")
        engine.drain()
        theirs.close()
        others.close()
    assert [answer.body for answer in (*first, *second)] == [b"hi", b"ho"]


def test_a_refused_connection_is_an_outcome() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with engine_for(unused) as engine:
            assert [asked(engine) for _ in range(2)] == [(Failure.REFUSED, b"")] * 2


def test_a_request_that_waits_too_long_for_its_turn_times_out(listener: socket.socket) -> None:
    with engine_for(listener, timeout_s=0.3) as engine:
        answers = [sent(engine), sent(engine)]
        engine.drain()
    assert [answer.outcome for (answer,) in answers] == [Failure.TIMEOUT] * 2


def test_a_request_takes_the_turn_of_one_that_timed_out(listener: socket.socket) -> None:
    with engine_for(listener, timeout_s=0.6) as engine:
        first = sent(engine)
        while engine.now() < 0.3:
            engine.turn(0.3)
        second = sent(engine)
        while not first:
            engine.turn(1)
        assert engine.opened == 2, "the connection of a request that timed out was not replaced"
    assert [answer.outcome for answer in (*first, *second)] == [Failure.TIMEOUT] * 2


def test_whoever_leaves_counts_what_is_under_way_as_timed_out_with_its_time_so_far(listener: socket.socket) -> None:
    with engine_for(listener) as engine:
        answers = [sent(engine), sent(engine)]
        end_s = engine.now() + 0.2
        while engine.now() < end_s:
            engine.turn(end_s)
    outcomes = [(answer.outcome, answer.latency_s > 0.1) for (answer,) in answers]
    assert outcomes == [(Failure.TIMEOUT, True)] * 2


def test_latency_counts_from_the_intended_start_and_how_late_the_generator_was_is_told(
    tiny_server: StartServer,
) -> None:
    intended_s: list[float] = []
    answers: list[Answer] = []
    with engine_for(tiny_server()) as engine:
        wire = encode(Request("/echo"), engine.host)

        def slowly() -> Iterator[Send]:
            while len(intended_s) < 40 or (len(answers) < 20 and engine.now() < GENEROUS_S):
                time.sleep(0.005)  # a request that takes the generator longer to make than the rate allows
                intended_s.append(len(intended_s) * 0.001)
                yield Send(intended_s[-1], wire, answers.append)

        open_loop(engine, slowly())
        assert len(answers) >= 20, "answers lay there unread"
        engine.drain()
    assert [answer.at_s for answer in answers] == intended_s
    assert all(answer.latency_s >= answer.lag_s for answer in answers)
    assert answers[-1].lag_s >= len(answers) * 0.005 - intended_s[-1]


@pytest.mark.parametrize("tick_s", [0.0, 0.05])
def test_requests_are_sent_at_their_time_or_together_and_until_someone_stops_it(
    tiny_server: StartServer, tick_s: float
) -> None:
    answers: list[Answer] = []
    with engine_for(tiny_server(), connections=64) as engine:
        wire = encode(Request("/echo"), engine.host)
        sends = (Send(at_s, wire, answers.append) for at_s in arrivals([Phase(500)], Random(2)))
        open_loop(engine, sends, tick_s=tick_s, stop=lambda: len(answers) >= 150 or engine.now() > GENEROUS_S)
        engine.drain()
    assert len(answers) >= 150
    assert min(answer.lag_s for answer in answers) >= 0
    assert max(answer.lag_s for answer in answers) > tick_s / 2, "each was sent at its own time"
    sent_s = sorted(answer.at_s + answer.lag_s for answer in answers)
    pauses = [gap for gap in (later - earlier for earlier, later in itertools.pairwise(sent_s)) if gap > tick_s / 2]
    assert len(pauses) > len(answers) / 2 if tick_s == 0 else len(pauses) < len(answers) / 5


def test_arrivals_are_poisson() -> None:
    times = list(itertools.islice(arrivals([Phase(100)], Random(3)), 10_000))
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.01, rel=0.05)
    assert deviation == pytest.approx(mean, rel=0.05)  # the mark of the exponential distribution


def test_arrivals_change_their_rate_within_a_run() -> None:
    times = list(arrivals([Phase(100, 10), Phase(1000, 10)], Random(1)))
    assert times == sorted(times)
    first = sum(at < 10 for at in times)
    assert first == pytest.approx(1000, rel=0.1)
    assert len(times) - first == pytest.approx(10_000, rel=0.05)
    assert times[-1] < 20


def due(engine: Engine) -> None:
    """Wait for an instant, for one that has passed, and for one that is far away."""
    until_s = engine.now() + 0.05
    while engine.now() < until_s:
        engine.turn(until_s)
    assert engine.now() < until_s + 60
    engine.turn(until_s)  # passed: it looks what is there, and returns
    far = engine.now()
    engine.turn(far + 60)
    assert 0.09 < engine.now() - far < 60  # a long wait comes up for air


@pytest.mark.parametrize("kernel_timer", [True, False])
def test_the_engine_wakes_at_its_instant(
    kernel_timer: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
    listener: socket.socket,
) -> None:
    if not kernel_timer:
        monkeypatch.setattr(sys, "platform", "darwin")
    with engine_for(listener) as engine:
        due(engine)


@pytest.mark.parametrize("kernel_timer", [True, False])
def test_the_engine_wakes_at_its_instant_and_hears_answers_while_other_greenlets_run(
    kernel_timer: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
    tiny_server: StartServer,
) -> None:
    if not kernel_timer:
        monkeypatch.setattr(sys, "platform", "darwin")
    ticks: list[float] = []

    def tick() -> None:
        for _ in range(10):
            gevent.sleep(0.001)
            ticks.append(time.monotonic())

    other = gevent.spawn(tick)
    with GreenletEngine(tiny_server(), connections=2, timeout_s=10) as engine:
        due(engine)
        assert ticks, "no other greenlet ran"
        assert asked(engine, b"hi") == (0, b"hi")
        assert engine.opened == 1
    other.join()
    assert len(ticks) == 10
