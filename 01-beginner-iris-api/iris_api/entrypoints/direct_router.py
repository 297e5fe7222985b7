"""Sends requests for the busiest routes past FastAPI's own stack.

FastAPI passes a request through five middlewares and a list of regular expressions before a route sees it: half of
what a prediction costs. A `DirectRoute` needs none of that, so the router hands a POST to it directly if its path has
no parameters. FastAPI keeps those routes too, for /docs and for every other method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from iris_api.entrypoints.direct_route import DirectRoute

__all__ = ["DirectRouter"]


class DirectRouter:
    """An ASGI application that looks for a direct route first, and leaves all other requests to FastAPI."""

    def __init__(self, app: FastAPI, routes: Sequence[DirectRoute]) -> None:
        self._app = app
        self._direct = {route.path: route for route in routes if not route.param_convertors}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes one ASGI request on."""
        route = self._direct.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if route is None:
            await self._app(scope, receive, send)
        else:
            scope["route"] = route
            await route.app(scope, receive, send)
