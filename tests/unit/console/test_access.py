"""Who may look at the console: a loopback name, the same site, the token."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING, Any

import pytest

from workbench.console.access import Gatekeeper, make_token

if TYPE_CHECKING:
    from pathlib import Path

HOST = {"host": "127.0.0.1:8090"}
COOKIE = {"cookie": "console=secret"}
KINDS = ["http", "websocket"]


def asked(headers: dict[str, str], query: str = "", kind: str = "http") -> dict[str, Any]:
    """The first message of the answer; ``inside`` is what the application behind the gate answers."""
    sent: list[dict[str, Any]] = []

    async def inside(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "inside"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": "/", "query_string": query.encode(), "headers": encoded}
    asyncio.run(Gatekeeper(inside, "secret")(scope, None, send))
    return sent[0]


def test_the_token_in_the_address_becomes_a_cookie_that_scripts_and_other_sites_do_not_get() -> None:
    answer = asked(HOST, "token=secret")
    headers = dict(answer["headers"])
    assert answer["status"] == 303
    assert headers[b"location"] == b"/", "the token does not stay in the address, nor in the browser's history"
    assert {"HttpOnly", "SameSite=Strict"} <= set(headers[b"set-cookie"].decode().split("; "))


@pytest.mark.parametrize("kind", KINDS)
def test_the_cookie_lets_in(kind: str) -> None:
    assert asked(HOST | COOKIE, kind=kind) == {"type": "inside"}
    assert asked(HOST | COOKIE | {"origin": "http://127.0.0.1:8090", "sec-fetch-site": "same-origin"}, kind=kind) == {
        "type": "inside"
    }


@pytest.mark.parametrize("query", ["", "token=wrong", "token="])
def test_nobody_gets_in_without_the_token(query: str) -> None:
    assert asked(HOST, query)["status"] == 401
    assert asked(HOST, query, "websocket") == {"type": "websocket.close", "code": 1008}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8090", "origin": "http://evil.example:8090"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_another_site_gets_nothing_even_with_the_cookie(headers: dict[str, str], kind: str) -> None:
    answer = asked(HOST | COOKIE | headers, kind=kind)
    assert answer.get("status") == 403 or answer == {"type": "websocket.close", "code": 1008}


def test_the_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "console" / "token"
    assert make_token(path) == make_token(path)
    assert len(make_token(path)) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
