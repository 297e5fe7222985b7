"""Ports for servers that tests start."""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import socket
import tempfile
from pathlib import Path

__all__ = ["free_block", "free_ports"]

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_RANGE = range(12_000 + 2_500 * _WORKER, 12_000 + 2_500 * (_WORKER + 1))
"""Below the ports that the kernel gives to clients, and each worker's its own: who looked first will find it free."""

_begin = random.randrange(len(_RANGE))  # two runs on one machine seldom meet
_turn = itertools.cycle([*_RANGE[_begin:], *_RANGE[:_begin]])
"""One after the other: a port that was given out, and that its server has yet to open, is not given out again."""

_LOCKS = Path(tempfile.gettempdir()) / f"test-ports-{os.getuid()}"
_locks: dict[int, int] = {}
"""By port; held until this process ends."""


def free_ports(count: int) -> list[int]:
    """So many ports that nothing listens on, and that no other run on this machine was given."""
    return list(itertools.islice((port for port in _turn if _is_free(port) and _is_ours(port)), count))


def free_block(size: int) -> int:
    """The first of so many free ports in a row, for a server that counts on from the one it is told."""
    while True:
        block = free_ports(size)
        if block == list(range(block[0], block[0] + size)):
            return block[0]


def _is_ours(port: int) -> bool:
    """Two runs would both find a port free that the first of them has yet to open; whoever has the lock, has it."""
    if port not in _locks:
        _LOCKS.mkdir(exist_ok=True)
        lock = os.open(_LOCKS / str(port), os.O_CREAT | os.O_WRONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        _locks[port] = lock
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
