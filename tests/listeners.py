"""What the kernel says listens: whoever claims that a level is this machine's alone is not asked."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OPEN", "Listener", "beyond_loopback", "listeners"]

OPEN: dict[int, str] = {}
"""Ports that may listen on other addresses than this machine's own, each with the reason; there is none."""

_MAPPED = "::ffff:"
"""How IPv6 writes an address of IPv4."""


class Listener(NamedTuple):
    """An address that a process takes connections on."""

    address: str
    port: int


def listeners(processes: Iterable[psutil.Process]) -> set[Listener]:
    """Those of the processes, over IPv4 and IPv6."""
    return {
        Listener(each.laddr.ip.removeprefix(_MAPPED), each.laddr.port)
        for process in processes
        for each in process.net_connections(kind="tcp")
        if each.status == psutil.CONN_LISTEN
    }


def beyond_loopback(found: Iterable[Listener]) -> set[Listener]:
    """Those that others than this machine reach, and that have no reason to be."""
    return {each for each in found if not ipaddress.ip_address(each.address).is_loopback and each.port not in OPEN}
