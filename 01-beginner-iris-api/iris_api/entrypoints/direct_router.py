"""The busiest routes ahead of FastAPI's own stack.

FastAPI passes a request through five middlewares and a list of regular expressions before a route sees it: half of
what a prediction costs. A `DirectRoute` needs none of that, so a request for one whose path has no parameters goes
straight to it. FastAPI keeps those routes too, for /docs and for every other method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from iris_api.entrypoints.direct_route import DirectRoute

__all__ = ["DirectRouter"]


class DirectRouter:
    """An ASGI application: direct routes first, FastAPI for all else."""

    def __init__(self, app: FastAPI, routes: Sequence[DirectRoute]) -> None:
        self._app = app
        self._direct = {route.path: route for route in routes if not route.param_convertors}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Dispatches one request."""
        route = self._direct.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if route is None:
            await self._app(scope, receive, send)
        else:
            scope["route"] = route
            await route.app(scope, receive, send)
