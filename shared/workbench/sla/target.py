"""Is the server there, and is it the one that the SLA is about?"""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from servekit.errors import NotReadyError
from servekit.http_ask import ask

if TYPE_CHECKING:
    from workbench.sla.settings import Server

__all__ = ["identify"]


def identify(server: Server, timeout_s: float = 3.0) -> dict[str, Any]:
    """What the server says it is, after checking that it is the expected one.

    Raises:
        NotReadyError: nothing answers, or something else does; the message says what to run.
    """
    where, key = f"{server.url}{server.identity_path}", os.environ.get(server.key, "").strip()
    try:
        status, _, body = ask(where, timeout_s, headers=[("x-api-key", key)] if key else ())
    except OSError:
        raise NotReadyError(server.url, None, f"nothing answers: run {server.start}") from None
    try:
        identity: Any = json.loads(body)
    except ValueError:
        identity = None
    if status == HTTPStatus.UNAUTHORIZED and server.key:
        raise NotReadyError(where, None, f"asks for an API key: give it one that it knows with {server.key}=…")
    if status != HTTPStatus.OK or not isinstance(identity, dict):
        raise NotReadyError(where, None, f"answers {status} {body[:60]!r}, expected JSON with {server.identity}")
    for name, expected in server.identity.items():
        if identity.get(name) != expected:
            found = identity.get(name)
            raise NotReadyError(where, None, f"is another server: {name} is {found!r}, expected {expected!r}")
    return identity
