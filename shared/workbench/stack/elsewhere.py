"""A level that runs elsewhere, in a cluster or behind a load balancer: ``URL`` in the environment names it.

The commands that only ask (client, sla, capacity, conformance) then ask there, and compare the answers with this
checkout's artefacts. They ask on this machine alone where there is no ``URL``.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["elsewhere", "host_of"]

_URL = re.compile(r"https?://[^/?#@\s]+/?")


def elsewhere(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address in ``URL``, without a slash at its end; None where there is none.

    Raises:
        InvalidValueError: it is no address of a server.
    """
    given = environment.get("URL", "")
    if not given:
        return None
    try:
        usable = _URL.fullmatch(given) and urlsplit(given).hostname and urlsplit(given).port != 0
    except ValueError:  # a port that is none
        usable = False
    if not usable:
        raise InvalidValueError("URL", given, "expected http://HOST:PORT or https://HOST, without a path")
    return given.rstrip("/")


def host_of(url: str) -> str:
    """The host of an address, as it is written before a port: IPv6 in brackets."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host
