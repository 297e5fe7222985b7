"""Is the server there, and is it the one that the SLA is about?"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from servekit.errors import NotReadyError

if TYPE_CHECKING:
    from servekit.sla.settings import Server

__all__ = ["identify"]


def identify(server: Server, timeout_s: float = 3.0) -> dict[str, Any]:
    """What the server says it is, after checking that it is the expected one.

    Raises:
        NotReadyError: nothing answers, or something else does; the message says what to run.
    """
    where = f"{server.url}{server.identity_path}"
    try:
        status, body = _get(server, timeout_s)
    except (OSError, http.client.HTTPException):
        raise NotReadyError(server.url, None, f"nothing answers: run {server.start}") from None
    try:
        identity: Any = json.loads(body)
    except ValueError:
        identity = None
    if status != http.client.OK or not isinstance(identity, dict):
        raise NotReadyError(where, None, f"answers {status} {body[:60]!r}, expected JSON with {server.identity}")
    for name, expected in server.identity.items():
        if identity.get(name) != expected:
            found = identity.get(name)
            raise NotReadyError(where, None, f"is another server: {name} is {found!r}, expected {expected!r}")
    return identity


def _get(server: Server, timeout_s: float) -> tuple[int, bytes]:
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout_s)
    try:
        connection.request("GET", server.identity_path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
