"""A keep-alive connection on which nothing is waited for."""

from __future__ import annotations

import os
import select
from errno import EINPROGRESS
from selectors import EVENT_READ, EVENT_WRITE
from socket import IPPROTO_TCP, SO_ERROR, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY
from typing import TYPE_CHECKING, Final, NamedTuple

import httptools

from workbench.load.answer import Failure
from workbench.load.unpatched import Socket, poll

if TYPE_CHECKING:
    from selectors import BaseSelector
    from typing import Any

__all__ = ["Connection", "Ending", "failure_of"]

_CHUNK: Final = 65_536
_HEAD_END: Final = b"\r\n\r\n"
_LENGTHS: Final = (b"\r\ncontent-length:", b"\r\ntransfer-encoding:")
_FINAL: Final = 200


class Ending(NamedTuple):
    """How an exchange ended: the HTTP status or a `Failure`, then the answer's head and body."""

    status: int
    head: bytes = b""
    body: bytes = b""


class Connection:
    """One connection: one exchange at a time, and nothing but its answer.

    Args:
        selector: tells when it is `ready`; the connection is the data of its key.
        family: of the address.
        address: where to connect to, as sockets take it.

    Attributes:
        used: it has carried a whole exchange.
        begun: something of the current answer has come.
        keeps: the last answer is whole, and another exchange may follow.
        closed: it cannot be used again.

    Raises:
        OSError: there can be no connection, and that is known at once.
    """

    def __init__(self, selector: BaseSelector, family: int, address: Any) -> None:
        self.used = self.begun = self.keeps = self.closed = False
        self._asked = self._headed = self._whole = self._blocked = False
        self._status, self._received, self._body = 0, b"", list[bytes]()
        self._unsent: bytes | memoryview = b""
        self._parser = httptools.HttpResponseParser(self)
        self._selector = selector
        self._socket = Socket(family, SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        error = self._socket.connect_ex(address)
        if error not in {0, EINPROGRESS}:
            self._socket.close()
            raise OSError(error, os.strerror(error))
        self._connecting = error == EINPROGRESS
        selector.register(self._socket, EVENT_WRITE if self._connecting else EVENT_READ, self)
        self._arrived = poll()
        self._arrived.register(self._socket, select.POLLIN)

    def begin(self, wire: bytes) -> Ending | None:
        """Send a request, as far as it goes now; how it ended, if that is known at once."""
        self._asked, self._unsent = True, wire
        self.begun = self.keeps = self._headed = self._whole = False
        self._received, self._body = b"", []
        return None if self._connecting else self._write()

    def ready(self, events: int) -> Ending | None:
        """Do what the selector says is possible; how the exchange ended, if it did, also where there was none."""
        if events & EVENT_WRITE:
            ending = self._connected() if self._connecting else self._write()
            if ending is not None:
                return ending
        return self._read() if events & EVENT_READ else None

    def quiet(self) -> bool:
        """Whether nothing has arrived, neither the connection's end nor an answer that nobody asked for."""
        return not self._arrived.poll(0)

    def close(self) -> None:
        """Close it, with whatever is under way."""
        if not self.closed:
            self.closed = True
            self._selector.unregister(self._socket)
            self._socket.close()

    def _connected(self) -> Ending | None:
        error = self._socket.getsockopt(SOL_SOCKET, SO_ERROR)
        if error:
            return Ending(failure_of(OSError(error, "")))
        self._connecting = False
        self._selector.modify(self._socket, EVENT_READ, self)
        return self._write()

    def _write(self) -> Ending | None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            return Ending(Failure.BROKEN)
        whole = sent == len(self._unsent)
        self._unsent = b"" if whole else memoryview(self._unsent)[sent:]
        if whole == self._blocked:
            self._blocked = not whole
            self._selector.modify(self._socket, EVENT_READ | EVENT_WRITE if self._blocked else EVENT_READ, self)
        return None

    def _read(self) -> Ending | None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return Ending(Failure.BROKEN)
        if not data:
            return self._end()
        if not self._asked:
            return Ending(Failure.MALFORMED)
        self.begun = True
        if not self._headed:
            self._received += data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.keeps = False
            return Ending(Failure.MALFORMED)
        return self._answer() if self._whole else None

    def _end(self) -> Ending:
        """The connection's end, which may be the end of the body (RFC 9112, 6.3)."""
        head = self._received[: self._received.find(_HEAD_END)].lower()
        if self._asked and self._headed and not any(name in head for name in _LENGTHS):
            return self._answer()
        return Ending(Failure.BROKEN)

    def _answer(self) -> Ending:
        self._asked, self.used = False, True
        self.keeps = self.keeps and not self._unsent  # it was answered before all of it was read
        head = self._received[: self._received.find(_HEAD_END)]
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Ending(self._status, head, body)

    # --- the parser's side

    def on_message_begin(self) -> None:
        """An answer begins: none may, after the one that was asked for."""
        if self._whole:
            raise ConnectionAbortedError("another answer after the first")

    def on_headers_complete(self) -> None:
        """All of the head has come."""
        self._headed, self._status = True, self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A part of the body has come."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """All of the answer has come."""
        self._whole = True
        self.keeps = self._parser.should_keep_alive() and self._status >= _FINAL


def failure_of(error: OSError) -> Failure:
    """What a request that met this error is counted as."""
    return Failure.REFUSED if isinstance(error, ConnectionRefusedError) else Failure.BROKEN
