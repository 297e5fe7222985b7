"""A request, and how it goes over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Request", "encode"]

_JSON: Mapping[str, str] = {"content-type": "application/json"}


class Request(NamedTuple):
    """One request, ready to send.

    Attributes:
        path: with its leading slash and query.
        body: sent as it is.
        method: HTTP method.
        headers: sent besides ``host`` and ``content-length``.
        oracle: whatever its caller needs to judge the answer; never sent.
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = _JSON
    oracle: Any = None


def encode(request: Request, host: str) -> bytes:
    """The bytes of a request, head and body, for an `Engine` to send; ``host`` as in ``127.0.0.1:8100``."""
    lines = [f"{request.method} {request.path} HTTP/1.1", f"host: {host}", f"content-length: {len(request.body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body
