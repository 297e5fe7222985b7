"""FastAPI routes whose handler is called straight from ASGI.

FastAPI's own call path (dependency solving, two exit stacks, pydantic, a response object) costs more than this model's
inference. A `DirectRoute` keeps what FastAPI is here for — routing, OpenAPI, /docs — and skips that path: the
handler gets the body's bytes and returns bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import Response
from fastapi.routing import APIRoute

from servekit.asgi import send_answer
from servekit.errors import ServingError

if TYPE_CHECKING:
    from servekit.http_body import BodyReader

__all__ = ["ARROW", "BINARY", "JSON", "DirectRoute", "Handler", "Reply", "send_error"]

JSON = b"application/json"
BINARY = b"application/octet-stream"
ARROW = b"application/vnd.apache.arrow.stream"

Headers = list[tuple[bytes, bytes]]
Reply = tuple[bytes, Headers]
Handler = Callable[[Any, bytes], Awaitable[Reply]]
"""``await handler(scope, body)`` → the answer's body and headers; raises `ServingError` for what it cannot answer."""

_encode = msgspec.json.Encoder().encode


class DirectRoute(APIRoute):
    """A FastAPI route of one POST operation, called straight from ASGI.

    Args:
        path: the route's template.
        handler: makes an answer of a request's body.
        bodies: reads the body, within its limits.
        docs: FastAPI's own arguments that describe an operation (summary, openapi_extra, …).
    """

    def __init__(self, path: str, handler: Handler, bodies: BodyReader, **docs: Any) -> None:
        super().__init__(path, _documented, methods=["POST"], name=handler.__name__, response_class=Response, **docs)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            try:
                body = await bodies.read(receive, scope["headers"])
                answer, headers = await handler(scope, body)
            except ServingError as error:
                await send_error(send, error)
            else:
                await send_answer(send, 200, answer, headers)

        self.app = app


async def send_error(send: Any, error: ServingError) -> None:
    """Sends the error as ``{"error": …}`` under its own status."""
    await send_answer(send, error.status, _encode({"error": str(error)}), [(b"content-type", JSON), *error.headers])


async def _documented() -> None:
    # FastAPI analyses this signature instead of the handler's; requests never reach it
    return
