"""Ports for servers that tests start."""

from __future__ import annotations

import itertools
import os
import random
import socket

__all__ = ["free_block", "free_ports"]

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_RANGE = range(12_000 + 2_500 * _WORKER, 12_000 + 2_500 * (_WORKER + 1))
"""Below the ports that the kernel gives to clients, and each worker's its own: who looked first will find it free."""

_begin = random.randrange(len(_RANGE))  # two runs on one machine seldom meet
_turn = itertools.cycle([*_RANGE[_begin:], *_RANGE[:_begin]])
"""One after the other: a port that was given out, and that its server has yet to open, is not given out again."""


def free_ports(count: int) -> list[int]:
    """So many ports that nothing listens on."""
    return list(itertools.islice(filter(_is_free, _turn), count))


def free_block(size: int) -> int:
    """The first of so many free ports in a row, for a server that counts on from the one it is told."""
    while True:
        block = free_ports(size)
        if block == list(range(block[0], block[0] + size)):
            return block[0]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
