"""The one form of every error, whichever route it comes from: ``{"error": "<thing> <value>: <expectation>"}``."""

from __future__ import annotations

import msgspec
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from iris_api.entrypoints.direct_route import JSON
from servekit.errors import ServingError

__all__ = ["http_exception_handler", "serving_error_handler"]


async def serving_error_handler(_: Request, error: Exception) -> Response:
    """The response to an error of this service: its own status and text."""
    status = error.status if isinstance(error, ServingError) else 500
    return Response(msgspec.json.encode({"error": str(error)}), status, media_type=JSON.decode())


async def http_exception_handler(request: Request, error: Exception) -> Response:
    """The response to an error of the framework: an unknown path, or a method that the path does not allow."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    thing = f"method {request.method}" if status == 405 else f"path {request.url.path[:80]}"  # noqa: PLR2004
    expectation = "not allowed here" if status == 405 else "no such endpoint: see /docs"  # noqa: PLR2004
    return Response(msgspec.json.encode({"error": f"{thing}: {expectation}"}), status, headers, JSON.decode())
