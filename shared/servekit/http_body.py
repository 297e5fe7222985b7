"""Reading a request's body, up to a limit."""

from __future__ import annotations

from typing import Any

from servekit.errors import MalformedError, TooLargeError

__all__ = ["read_body"]


async def read_body(receive: Any, announced: bytes | None, limit: int) -> bytes:
    """The whole body.

    Args:
        receive: ASGI's.
        announced: the value of the content-length header; a caller that sends chunks has none.
        limit: bytes. A larger body is refused as soon as that shows, before it is in memory.

    Raises:
        TooLargeError: it is, or is said to be, over the limit.
        MalformedError: the connection ended before the body did.
    """
    if announced and announced.isdigit() and int(announced) > limit:
        raise TooLargeError("body", f"{int(announced)} bytes", f"expected at most {limit}")
    message = await receive()
    body: bytes | bytearray = message.get("body", b"")
    if message.get("more_body", False):
        body = bytearray(body)  # grows in place, where += on bytes would copy all of it for each chunk
        while message.get("more_body", False) and len(body) <= limit:
            message = await receive()
            body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise MalformedError("body", f"{len(body)} bytes", "the caller left before its end")
    if len(body) > limit:
        raise TooLargeError("body", f"over {limit} bytes", f"expected at most {limit}")
    return bytes(body)
