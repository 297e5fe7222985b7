"""One exchange, against servers that do what servers do."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from servekit.http_ask import ask
from servekit.loopback import client

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(answer: bytes, *, drip_s: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """A server's URL, and what it was asked: it gives one answer, at once or byte by byte."""
    asked: list[bytes] = []
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(65536))
            if not drip_s:
                connection.sendall(answer)
                return
            for byte in answer:
                if over.wait(drip_s):
                    return
                connection.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            over.set()
            thread.join()


def test_a_request_is_sent_and_its_answer_is_read() -> None:
    with answering(b"HTTP/1.1 404 No\r\ncontent-length: 2\r\nx-a: b\r\n\r\nhi") as (url, asked):
        reply = ask(f"{url}/a?b=1", 30, method="POST", body=b"{}", headers=[("accept", "text/plain")])
    assert (reply.status, reply.body, reply.header(b"x-a")) == (404, b"hi", b"b")
    assert asked[0].startswith(b"POST /a?b=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert asked[0].endswith(b"\r\naccept: text/plain\r\ncontent-length: 2\r\n\r\n{}")


def test_an_answer_that_drips_is_late_however_often_a_byte_comes() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    with answering(answer, drip_s=0.05) as (url, _), pytest.raises(TimeoutError, match=r"no answer in time|timed out"):
        ask(url, 0.5)


def test_an_httpx_client_keeps_the_time_limit_and_raises_its_own_errors() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    with answering(answer, drip_s=0.05) as (url, _), client(timeout=0.5) as http, pytest.raises(httpx.ReadTimeout):
        http.get(url)
    with answering(answer) as (url, asked), client(base_url=url, headers={"host": "shop"}) as http:
        assert http.post("/a", json={"b": 1}).text == "hello"
    assert asked[0].startswith(b"POST /a HTTP/1.1\r\n")
    assert asked[0].count(b"host: ") == asked[0].count(b"connection: ") == asked[0].count(b"content-length: ") == 1
    assert b"\r\nhost: shop\r\n" in asked[0]
    with client() as http, pytest.raises(httpx.ConnectError, match="refused"):
        http.get(url)


def test_a_body_may_end_with_its_connection() -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\nuntil the end") as (url, _):
        assert ask(url, 30).body == b"until the end"


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", b"HTTP/1.1 200 OK\r\nx: ", b"SSH-2.0\r\n\r\n"]
)
def test_what_is_no_whole_answer_is_an_error_of_the_connection(answer: bytes) -> None:
    with answering(answer) as (url, _), pytest.raises(ConnectionError):
        ask(url, 30)


def test_proxies_of_the_environment_do_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (url, _):
        assert ask(url, 30).status == 200
