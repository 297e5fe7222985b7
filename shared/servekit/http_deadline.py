"""uvicorn's HTTP/1.1 with a time limit for what a client sends; uvicorn only limits how long it sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from servekit.errors import LateRequestError

if TYPE_CHECKING:
    import asyncio

__all__ = ["DeadlineProtocol"]


class DeadlineProtocol(HttpToolsProtocol):
    """A connection that knows since when it waits for the rest of a request; the server looks at it at intervals."""

    _since: float | None = None  # the loop's time; None between requests and while one is answered
    _in_body = _spoke = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Starts to wait for the first request."""
        super().connection_made(transport)
        self._since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Takes what came; be it only a line break, a request has begun."""
        if self._since is None:
            self._since = self.loop.time()
        self._spoke = True
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins, perhaps in the bytes in which the one before it ended."""
        self._since, self._in_body = self.loop.time(), False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers are there; the application reads the body, and limits its time."""
        self._since, self._in_body = self.loop.time(), True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._since, self._in_body = None, False
        super().on_message_complete()

    def check(self, timeout_s: float) -> None:
        """Ends a connection whose headers are late, or that still sends a body which has had its answer."""
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
