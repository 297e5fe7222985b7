"""What an ASGI application does for every request, whichever it is: one header, the media type, the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servekit.errors import MediaTypeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

__all__ = ["begin_stream", "check_media_type", "header", "run_lifespan", "send_answer"]


def header(scope: Any, name: bytes) -> bytes | None:
    """The value of a request header; ``name`` in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def check_media_type(sent: bytes | None, *allowed: bytes) -> None:
    """Returns when a content type is one of those allowed, whatever its parameters are.

    Raises:
        MediaTypeError: it is another, or missing.
    """
    if sent not in allowed and (sent or b"").split(b";")[0].strip().lower() not in allowed:
        shown = sent.decode("latin-1") if sent else None
        expectation = f"expected {b' or '.join(allowed).decode()}"
        raise MediaTypeError("content-type", shown, expectation if sent else f"missing: {expectation}")


async def send_answer(send: Any, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Sends a whole answer; its length is added to the headers."""
    sent = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": int(status), "headers": sent})
    await send({"type": "http.response.body", "body": body})


async def begin_stream(send: Any, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Sends the head of an answer of unknown length, whose parts the caller then sends as they come."""
    await send({"type": "http.response.start", "status": int(status), "headers": [*headers]})


async def run_lifespan(
    receive: Any, send: Any, close: Callable[[], Awaitable[None]], start: Callable[[], None] = lambda: None
) -> None:
    """Runs ``start`` before the server's first request, and ``close`` after its last answer."""
    while (await receive())["type"] == "lifespan.startup":
        start()
        await send({"type": "lifespan.startup.complete"})
    await close()
    await send({"type": "lifespan.shutdown.complete"})
