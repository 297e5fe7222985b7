"""uvicorn's HTTP/1.1 with a time limit for what a client sends; uvicorn only limits how long it sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from servekit.errors import LateRequestError

if TYPE_CHECKING:
    import asyncio

__all__ = ["DeadlineProtocol"]


class DeadlineProtocol(HttpToolsProtocol):
    """A connection with a deadline for the rest of a request; the server calls `check` at intervals."""

    _since: float | None = None  # the loop's time; None between requests and while one is answered
    _in_body = _spoke = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Starts the clock of the first request."""
        super().connection_made(transport)
        self._since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Parses the bytes that came; even a line break begins a request."""
        if self._since is None:
            self._since = self.loop.time()
        self._spoke = True
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Starts the clock of a request, which may begin in the bytes that the one before it ended in."""
        self._since, self._in_body = self.loop.time(), False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stops the clock of the headers; the application reads the body within its own time limit."""
        self._since, self._in_body = self.loop.time(), True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Takes note that the whole request has arrived."""
        self._since, self._in_body = None, False
        super().on_message_complete()

    def check(self, timeout_s: float) -> None:
        """Ends the connection when headers are late, or when a body still arrives after its answer was sent."""
        late = self._since is not None and self.loop.time() - self._since > timeout_s
        if not late or self.transport.is_closing() or not (self.cycle is None or self.cycle.response_complete):
            return
        if self._spoke and not self._in_body:
            self._say(LateRequestError("headers", None, f"expected them within {timeout_s:g} s"))
        self.transport.close()

    def _say(self, error: LateRequestError) -> None:
        body = b'{"error":"%b"}' % str(error).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[error.status] + head + body)
