"""A server with a fault planted in it, for the fuzzer to find."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from servekit.http_server import DrainingServer
from tests.patience import GENEROUS_S
from tests.tcp_server import accept_no_more, loop_turns
from workbench.fuzz import Operation, Surface
from workbench.sla import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

__all__ = ["HANGS_S", "UNHURRIED_S", "carry_on", "planted", "surface"]

HANGS_S = 3.0
"""Long enough for a fault that hangs to be seen; beside other work, an exchange of a good server may take as long."""

UNHURRIED_S = 5.0
"""Within this a whole request has come, also on a busy machine: a server that gives up no sooner is not to blame."""


class Doubling:
    """Doubles numbers and repeats the caller's mark; ``fault`` says what it does wrong."""

    draining = False

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._before = b"{}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        status, answer = self._answer(scope["path"], body)
        if self._fault == "hangs" and b"null" in body:
            await asyncio.Event().wait()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/readyz":
            return 200, b"{}"
        try:
            asked = json.loads(body)
            mark = asked["mark"] if self._fault == "repeats NaN" else "" + asked["mark"]
            answer = json.dumps({"mark": mark, "twice": 2 * int(asked["x"])}).encode()
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            return (500, b"{}") if self._fault == "fails" and b"null" in body else (400, b'{"error":"no"}')
        before, self._before = self._before, answer
        return 200, before if self._fault == "mixes up" else answer


class _Server(DrainingServer):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            await accept_no_more(server)
        await super().shutdown(sockets)


@contextmanager
def planted(fault: str = "", receive_timeout_s: float = 1) -> Iterator[str]:
    """The address of a server with this fault, which gives up a request that is not whole in time."""
    app = Doubling(fault)
    server = _Server(app, app, drain_s=0, drain_timeout_s=1, receive_timeout_s=receive_timeout_s)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # its signal handlers are for a main thread alone
        serving = threading.Thread(target=lambda: asyncio.run(_serve(server, listener)))
        serving.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            serving.join()


async def _serve(server: _Server, listener: socket.socket) -> None:
    """Until it is told to exit; what is still connected then, it drops."""
    await server._serve([listener])
    await loop_turns()
    for connection in [*server.server_state.connections]:
        connection.transport.abort()
    await loop_turns()


async def carry_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that knows lengths alone, and takes what lies behind one for the next request."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
            lengths = [value for name, _, value in lines if name == b"content-length"]
            await reader.readexactly(int(lengths[0]) if lengths else 0)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError):
        pass
    finally:
        writer.close()


def surface(url: str, deadline_s: float = GENEROUS_S) -> Surface:
    """What it answers."""

    def right(draw: Random, nonce: str) -> Request:
        x = draw.randrange(1000)
        return Request("/double", json.dumps({"mark": nonce, "x": x}).encode(), oracle=2 * x)

    def check(request: Request, answer: bytes) -> str | None:
        twice = json.loads(answer)["twice"]
        return None if twice == request.oracle else f"twice {twice}, expected {request.oracle}"

    endpoints = [Operation("/double", [b'{"mark":"m","x":3}']), Operation("/readyz", method="GET", headers={})]
    return Surface(9, [url], endpoints, right, check, deadline_s=deadline_s, rest_s=0.001)
