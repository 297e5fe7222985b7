"""What a page in a browser sends to this machine's ports: all that it may without asking first, and nothing else.

A browser asks before a page of another origin sends JSON or a header of its own, and nothing here says yes. It does not
ask before a form, or text, goes wherever the page wants; and a page whose name is pointed at 127.0.0.1 has no other
origin at all, but that name in Host.
"""

from __future__ import annotations

import itertools
import socket
from typing import NamedTuple

from tests.patience import GENEROUS_S

__all__ = ["EVIL", "answer", "forms"]

EVIL = "somewhere.example"
_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b")
_NAMES = (("http://somewhere.example", "127.0.0.1"), ("null", "127.0.0.1"), (f"http://{EVIL}", EVIL))


class Answer(NamedTuple):
    """The status, 0 where the server hung up without one, and the names of the headers."""

    status: int
    headers: frozenset[str]


def forms(port: int, path: str, body: bytes) -> list[bytes]:
    """Every way to post a body there."""
    return [
        b"\r\n".join((
            f"POST {path} HTTP/1.1".encode(),
            f"Host: {host}:{port}".encode(),
            f"Origin: {origin}".encode(),
            f"Content-Type: {kind}".encode(),
            f"Content-Length: {len(body)}".encode(),
            b"Connection: close",
            b"",
            body,
        ))
        for kind, (origin, host) in itertools.product(_TYPES, _NAMES)
    ]  # fmt: skip


def answer(port: int, request: bytes) -> Answer:
    """What the server on a port of this machine says to it, HTTP or not."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=GENEROUS_S) as connection:
        try:
            connection.sendall(request)
            while b"\r\n\r\n" not in said and (more := connection.recv(65536)):
                said += more
        except ConnectionError:
            pass
    head = said.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    status = int(head[0].split()[1]) if head[0].startswith("HTTP/1") else 0
    return Answer(status, frozenset(line.partition(":")[0].lower() for line in head[1:]))
