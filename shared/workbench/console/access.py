"""Who may look, and who may act: a token in the address that was printed, a cookie after it, and no other site.

The page listens on 127.0.0.1 alone. That keeps other machines out, but not other pages in the same browser, nor other
users of this machine. So every request, a web socket's too, must name a loopback host (no rebound domain name), come
from this page if it says where it comes from (no other site), and hold the token.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from servekit.asgi import send_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

__all__ = ["Gatekeeper", "make_token"]

_COOKIE = "console"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SAYS = {
    403: b"This page is for its own machine and its own site. Open the address that `make console` prints.\n",
    401: b"Open the address that `make console` prints: it has the token that lets you in.\n",
}


def make_token(path: Path) -> str:
    """The token in the file, which is made, for its owner alone, if it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


class Gatekeeper:
    """An ASGI application before another one, which lets those in who may."""

    def __init__(self, app: Callable[..., Awaitable[None]], token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers 401 or 403, sends the browser on without the token in its address, or hands the request on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not _is_own(headers):
            await _refuse(scope, send, 403)
        elif asked and self._is_token(asked) and scope["type"] == "http":
            await self._remember(scope, send)
        elif self._is_token(_cookie(headers)):
            await self._app(scope, receive, send)
        else:
            await _refuse(scope, send, 401)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    async def _remember(self, scope: Any, send: Any) -> None:
        cookie = f"{_COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", scope["path"].encode()), (b"set-cookie", cookie.encode())]
        await send_answer(send, 303, b"", headers)


def _is_own(headers: dict[str, str]) -> bool:
    """Whether the request is for this machine by name and, if it says where it comes from, from this very page."""
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in _LOOPBACK:
        return False
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}


def _cookie(headers: dict[str, str]) -> str:
    held = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
    return held.value if held else ""


async def _refuse(scope: Any, send: Any, status: int) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send_answer(send, status, _SAYS[status], headers)
