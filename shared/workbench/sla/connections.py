"""A pool of keep-alive connections shared by the greenlets of one load process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from gevent import socket
from gevent.lock import BoundedSemaphore
from geventhttpclient.response import HTTPParseError, HTTPResponse

from workbench.load import Failure

if TYPE_CHECKING:
    from workbench.load import Request

__all__ = ["Answer", "Connections"]

_CHUNK: Final = 65_536
_SUCCESS: Final = 2


class Answer(NamedTuple):
    """How a request ended: 0 and the body for a 2xx, else the HTTP status or a `Failure`."""

    outcome: int
    body: bytes


class Connections:
    """Sends requests over at most ``size`` connections to one origin; an idle connection is reused, the newest first.

    A sender waits its turn when all are busy, and its time keeps running: the wait is the server's doing.
    """

    def __init__(self, url: str, size: int) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._host = parts.netloc.encode("ascii")
        self._turns = BoundedSemaphore(size)
        self._idle: list[socket.socket] = []

    def send(self, request: Request, deadline: float) -> Answer:
        """Send one request and read the whole answer before ``deadline`` (of ``time.monotonic()``); never raises."""
        if not self._turns.acquire(timeout=max(deadline - time.monotonic(), 0.001)):
            return Answer(Failure.TIMEOUT, b"")
        try:
            return self._exchange(request, deadline)
        except TimeoutError:
            return Answer(Failure.TIMEOUT, b"")
        except ConnectionRefusedError:
            return Answer(Failure.REFUSED, b"")
        except OSError:
            return Answer(Failure.BROKEN, b"")
        except HTTPParseError:
            return Answer(Failure.MALFORMED, b"")
        finally:
            self._turns.release()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, request: Request, deadline: float) -> Answer:
        message = self._encode(request)
        idle = self._take()
        if idle is not None:
            # A server may close an idle connection at any moment: that is no error (RFC 9112, 9.3.1).
            answer = self._try(idle, message, request.method, deadline, reused=True)
            if answer is not None:
                return answer
        connection = socket.create_connection(self._address, timeout=max(deadline - time.monotonic(), 0.001))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = self._try(connection, message, request.method, deadline, reused=False)
        return answer if answer is not None else Answer(Failure.BROKEN, b"")

    def _take(self) -> socket.socket | None:
        """An idle connection on which nothing has arrived: neither its end nor an answer that nobody asked for."""
        while self._idle:
            connection = self._idle.pop()
            connection.settimeout(0)
            try:
                connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return connection
            except OSError:
                pass
            connection.close()
        return None

    def _try(
        self, connection: socket.socket, message: bytes, method: str, deadline: float, *, reused: bool
    ) -> Answer | None:
        response = _Response(method)
        keep = False
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.sendall(message)
            if not _receive(connection, response, deadline):
                return None
            keep = not response.should_close() and response.status_code // 100 >= _SUCCESS
        except (ConnectionResetError, BrokenPipeError):
            if reused and not response.headers_complete:
                return None
            raise
        finally:
            self._idle.append(connection) if keep else connection.close()
        status = response.status_code
        return Answer(0 if status // 100 == _SUCCESS else status, bytes(response.body))

    def _encode(self, request: Request) -> bytes:
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return b"%b %b HTTP/1.1\r\nhost: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (
            request.method.encode("ascii"),
            request.path.encode("ascii"),
            self._host,
            len(request.body),
            head.encode("latin-1"),
            request.body,
        )


class _Response(HTTPResponse):
    """llhttp's parser without the headers, which nobody reads here: it halves the cost of an answer."""

    @property
    def body(self) -> bytearray:
        return self._body_buffer

    def _on_message_begin(self) -> None:
        if self.message_complete:  # whoever it is for, it is not the answer to this request
            raise HTTPParseError("another answer after the first")
        self.message_begun = True

    def _on_header_field(self, string: str) -> None: ...

    def _on_header_value(self, string: str) -> None: ...


def _receive(connection: socket.socket, response: _Response, deadline: float) -> bool:
    """Read one whole response before the deadline; False when the connection closed before its first byte."""
    begun = False
    while not response.message_complete:
        left = deadline - time.monotonic()
        if left <= 0:  # a byte now and then is no answer
            raise TimeoutError
        connection.settimeout(left)
        data = connection.recv(_CHUNK)
        if not data and not begun:
            return False
        begun = True
        _feed(response, data)
    return True


def _feed(response: _Response, data: bytes) -> None:
    if data:
        response.feed(data)
        return
    try:
        response.feed(b"")  # the end of the connection may be the end of the body (RFC 9112, 6.3)
    except HTTPParseError:
        raise ConnectionResetError from None
    if not response.message_complete:
        raise ConnectionResetError
