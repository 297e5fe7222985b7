"""Errors as every caller gets them, whatever route they come from: ``{"error": "<thing> <value>: <expectation>"}``."""

from __future__ import annotations

import msgspec
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from iris_api.entrypoints.direct_route import JSON
from servekit.errors import ServingError

__all__ = ["http_exception_handler", "serving_error_handler"]


async def serving_error_handler(_: Request, error: Exception) -> Response:
    """What the server says of itself: the error's own status and words."""
    status = error.status if isinstance(error, ServingError) else 500
    return Response(msgspec.json.encode({"error": str(error)}), status, media_type=JSON.decode())


async def http_exception_handler(request: Request, error: Exception) -> Response:
    """What the framework says: no such path, or not this method."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    thing = f"method {request.method}" if status == 405 else f"path {request.url.path[:80]}"  # noqa: PLR2004
    expectation = "not allowed here" if status == 405 else "no such endpoint: see /docs"  # noqa: PLR2004
    return Response(msgspec.json.encode({"error": f"{thing}: {expectation}"}), status, headers, JSON.decode())
