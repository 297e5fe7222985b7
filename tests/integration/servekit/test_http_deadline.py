"""A connection that sends its request too slowly ends: the real server, raw sockets."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from servekit.errors import ServingError
from servekit.http_body import BodyReader
from servekit.http_server import DrainingServer

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 1.0
WITHIN = b"within 1 s"
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"


class _Ready:
    draining = False


async def _echo(bodies: BodyReader, scope: Any, receive: Any, send: Any) -> None:
    """Answers POST with its body, everything else at once."""
    if scope["type"] != "http":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    status, body = 200, b"early"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if scope["method"] == "POST":
        try:
            body = await bodies.read(receive, scope["headers"])
        except ServingError as error:
            status, body, headers = int(error.status), str(error).encode(), error.headers
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(timeout_s: float) -> Iterator[int]:
    """A server on the port that it gives."""

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await _echo(BodyReader(100, timeout_s), scope, receive, send)

    server = DrainingServer(echo, _Ready(), drain_s=0, drain_timeout_s=1, receive_timeout_s=timeout_s)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(TIMEOUT_S) as port:
        yield port


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes; the socket's timeout fails where it does not."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def until_it_ends_in(connection: socket.socket, last: bytes) -> bytes:
    """What comes on a connection that stays open, however many pieces it comes in."""
    said = b""
    while not said.endswith(last) and (more := connection.recv(65536)):
        said += more
    return said


def test_headers_that_do_not_come_in_time_are_408(connection: socket.socket) -> None:
    connection.sendall(HEAD[:20])
    head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert body == b'{"error":"headers: expected them ' + WITHIN + b'"}'


def test_headers_that_drip_are_408(connection: socket.socket) -> None:
    stop = threading.Event()

    def drip() -> None:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        while not stop.wait(0.02):
            try:
                connection.sendall(b"a: b\r\n")
            except OSError:
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert until_it_ends_in(connection, WITHIN + b'"}').startswith(b"HTTP/1.1 408 ")
    finally:
        stop.set()
        dripping.join()


def test_a_connection_that_says_nothing_ends_without_an_answer(connection: socket.socket) -> None:
    assert everything(connection) == b""


def test_line_breaks_between_requests_do_not_keep_a_connection(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert until_it_ends_in(connection, b"early").startswith(b"HTTP/1.1 200 ")
    connection.sendall(b"\r\n")
    assert b" 408 " in everything(connection)


def test_a_body_that_does_not_come_in_time_is_408_and_the_connection_ends(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"abc")
    head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close" in head
    assert body == b"body 3 bytes: expected the rest of it " + WITHIN


def test_a_body_that_comes_after_its_answer_is_not_waited_for(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nabc")
    assert everything(connection).endswith(b"early")


def test_a_whole_request_in_parts_is_answered_and_the_connection_is_kept() -> None:
    with serving(60) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for _ in range(3):
            for part in (HEAD[:20], HEAD[20:], b"he", b"llo"):
                connection.sendall(part)
            assert until_it_ends_in(connection, b"hello").startswith(b"HTTP/1.1 200 ")
