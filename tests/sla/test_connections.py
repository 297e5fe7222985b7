from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING

import gevent
import gevent.socket
import pytest

from workbench.load import Failure, Request
from workbench.sla.arrivals import Alarm, poisson
from workbench.sla.connections import Answer, Connections

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


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def test_requests_share_kept_alive_connections(tiny_server: StartServer) -> None:
    pool = Connections(tiny_server(), size=2)
    answers = [gevent.spawn(pool.send, Request("/echo", b"%d" % n), soon()) for n in range(20)]
    gevent.joinall(answers)
    assert [greenlet.value for greenlet in answers] == [Answer(0, b"%d" % n) for n in range(20)]
    assert 1 <= len(pool._idle) <= 2
    pool.close()
    assert pool._idle == []


def test_a_body_may_end_with_its_connection(raw_server: StartServer) -> None:
    pool = Connections(raw_server("HTTP/1.1 200 OK\\r\\n\\r\\nuntil the end"), size=1)
    assert pool.send(Request("/"), soon()) == Answer(0, b"until the end")
    assert pool._idle == []


def test_an_error_status_is_the_outcome(tiny_server: StartServer) -> None:
    pool = Connections(tiny_server(), size=1)
    assert pool.send(Request("/broken", b"x"), soon()) == Answer(500, b"broken")
    pool.close()


def test_a_connection_that_the_server_closed_while_idle_is_replaced(raw_server: StartServer) -> None:
    answer = "HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi"
    pool = Connections(raw_server(answer, answer), size=1)
    assert pool.send(Request("/"), soon()) == Answer(0, b"hi")
    assert pool.send(Request("/"), soon()) == Answer(0, b"hi")
    pool.close()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("", Failure.BROKEN),
        ("HTTP/1.1 200 OK\\r\\ncontent-length: 9\\r\\n\\r\\nshort", Failure.BROKEN),
        (f"{TWO}{TWO}", Failure.MALFORMED),
        (f"{TWO}hi", Failure.MALFORMED),
        ("HTTP/1.1 100 Continue\\r\\n\\r\\n" + TWO, Failure.MALFORMED),
        ("this is not HTTP\\r\\n\\r\\n", Failure.MALFORMED),
        ("wait", Failure.TIMEOUT),
    ],
)
def test_a_failure_is_an_outcome_not_an_exception(raw_server: StartServer, answer: str, failure: Failure) -> None:
    pool = Connections(raw_server(answer), size=1)
    assert pool.send(Request("/"), soon(1.0)).outcome == failure
    pool.close()


def test_an_answer_that_drips_is_a_timeout_and_its_time_is_the_limit(tiny_server: StartServer) -> None:
    pool = Connections(tiny_server("--drip", "1"), size=1)
    began = time.monotonic()
    assert pool.send(Request("/echo", b"x"), soon(0.6)).outcome == Failure.TIMEOUT
    assert time.monotonic() - began >= 0.6
    assert pool._idle == []
    pool.close()


def test_what_arrives_unasked_is_never_taken_for_an_answer(tiny_server: StartServer) -> None:
    pool = Connections(tiny_server(), size=1)
    assert pool.send(Request("/echo", b"one"), soon()) == Answer(0, b"one")
    ours, theirs = gevent.socket.socketpair()
    theirs.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother")
    pool._idle.append(ours)
    assert pool.send(Request("/echo", b"two"), soon()) == Answer(0, b"two")
    assert len(pool._idle) == 1
    theirs.close()
    pool.close()


def test_a_refused_connection_is_an_outcome() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pool = Connections(f"http://127.0.0.1:{unused.getsockname()[1]}", size=1)
        assert pool.send(Request("/"), soon()).outcome == Failure.REFUSED


def test_a_request_that_waits_too_long_for_its_turn_times_out(raw_server: StartServer) -> None:
    pool = Connections(raw_server("wait"), size=1)
    first = gevent.spawn(pool.send, Request("/"), soon(1.0))
    gevent.sleep(0.1)
    assert pool.send(Request("/"), soon(0.1)).outcome == Failure.TIMEOUT
    assert first.get().outcome == Failure.TIMEOUT


def test_arrivals_are_poisson() -> None:
    arrivals = poisson(100, Random(3))
    times = [next(arrivals) for _ in range(10_000)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.01, rel=0.05)
    assert deviation == pytest.approx(mean, rel=0.05)  # the mark of the exponential distribution


@pytest.mark.parametrize("kernel_timer", [True, False])
def test_the_alarm_wakes_at_its_instant_while_other_greenlets_run(
    kernel_timer: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not kernel_timer:
        monkeypatch.setattr(sys, "platform", "darwin")
    ticks: list[float] = []

    def tick() -> None:
        for _ in range(10):
            gevent.sleep(0.001)
            ticks.append(time.monotonic())

    other = gevent.spawn(tick)
    with Alarm() as alarm:
        due = time.monotonic() + 0.05
        alarm.sleep_until(due)
        assert due <= time.monotonic() < due + 5
        alarm.sleep_until(due)  # passed: yields and returns
        far = time.monotonic()
        alarm.sleep_until(far + 60)
        assert 0.09 < time.monotonic() - far < 5  # a long sleep comes up for air
    other.join()
    assert len(ticks) == 10
