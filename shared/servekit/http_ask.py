"""One request to a server nearby and its whole answer, as readiness probes and commands need it.

The time limit holds for the whole exchange. A client's usual timeout holds for each read, so a server that sends a byte
now and then is waited for without end. Proxy settings of the environment do not apply, because no proxy leads to a
server on this machine.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httptools

from servekit.http_pool import HttpReply

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ask"]

_CHUNK = 65_536
_SHORTEST_S = 0.001


def ask(
    url: str,
    timeout_s: float,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
) -> HttpReply:
    """Sends one request over a connection of its own and reads the whole answer, whatever its status.

    Args:
        url: ``http://host[:port][/path]``.
        timeout_s: limit for the whole exchange, from connecting to the last byte of the answer.
        method: the HTTP method.
        body: the bytes of the body.
        headers: sent besides ``connection`` and ``content-length``, and ``host`` unless it is among them.

    Raises:
        OSError: the server cannot be reached, breaks the connection, or does not speak HTTP; of these, `TimeoutError`
            where the time is over.
    """
    deadline = time.monotonic() + timeout_s
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    lines = [f"{method} {target} HTTP/1.1", "connection: close", *(f"{name}: {value}" for name, value in headers)]
    if not any(line[:5].lower() == "host:" for line in lines):
        lines.insert(1, f"host: {parts.netloc}")
    whole = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body
    with socket.create_connection((parts.hostname or "", parts.port or 80), _left(deadline)) as connection:
        connection.settimeout(_left(deadline))
        connection.sendall(whole)
        return _read(connection, deadline)


def _read(connection: socket.socket, deadline: float) -> HttpReply:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.complete:
        connection.settimeout(_left(deadline))
        data = connection.recv(_CHUNK)
        if not data:
            break
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise ConnectionAbortedError("not HTTP") from None
    if not answer.complete and not answer.ends_with_its_connection:
        raise ConnectionResetError("connection closed before the answer's end")
    return HttpReply(parser.get_status_code(), answer.headers, b"".join(answer.body))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return max(left, _SHORTEST_S)


class _Answer:
    """The answer, as the parser reports its parts."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.complete = self.ends_with_its_connection = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        names = {name.lower() for name, _ in self.headers}
        self.ends_with_its_connection = not names & {b"content-length", b"transfer-encoding"}

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.complete = True
