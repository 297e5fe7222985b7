"""Ports for servers that tests start."""

from __future__ import annotations

import os
import random
import socket

__all__ = ["free_block", "free_ports"]

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_RANGE = range(12_000 + 2_500 * _WORKER, 12_000 + 2_500 * (_WORKER + 1))
"""Below the ports that the kernel gives to clients, and each worker's its own: who looked first will find it free."""


def free_ports(count: int) -> list[int]:
    """So many ports that nothing listens on."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(_RANGE)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def free_block(size: int) -> int:
    """The first of so many free ports in a row, for a server that counts on from the one it is told."""
    while True:
        first = random.choice(_RANGE[:-size])
        if all(_is_free(port) for port in range(first, first + size)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
