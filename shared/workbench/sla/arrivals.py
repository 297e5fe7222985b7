"""Poisson arrivals, and waking up in time for them."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import TYPE_CHECKING, Final, Self

import gevent
from gevent import get_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

__all__ = ["Alarm", "poisson"]

_ABSOLUTE: Final = 1
_NANOSECONDS: Final = 1_000_000_000
_SLICE_S: Final = 0.1


def poisson(rate_rps: float, random: Random) -> Iterator[float]:
    """Arrival times in seconds from 0: independent exponential gaps, so users who know nothing of each other."""
    arrival = 0.0
    while True:
        arrival += random.expovariate(rate_rps)
        yield arrival


class Alarm:
    """Sleeps until an instant of ``time.monotonic()`` without blocking other greenlets.

    gevent's own timers end on whole milliseconds (``epoll_wait`` takes no less), which would add half a millisecond
    to every latency. On Linux a kernel timer (timerfd_create(2)) wakes the event loop within microseconds instead.
    """

    def __init__(self) -> None:
        self._fd = _timer_descriptor()
        self._watcher = get_hub().loop.io(self._fd, 1) if self._fd >= 0 else None

    def sleep_until(self, instant: float) -> None:
        """Return at the instant, or after a tenth of a second if it is further away; yield once if it has passed."""
        now = time.monotonic()
        if instant <= now:
            gevent.sleep(0)
        elif self._watcher is None:
            gevent.sleep(min(instant - now, _SLICE_S))
        else:
            _arm(self._fd, min(instant, now + _SLICE_S))
            get_hub().wait(self._watcher)
            os.read(self._fd, 8)

    def close(self) -> None:
        """Give the kernel timer back."""
        if self._watcher is not None:
            self._watcher.close()
            os.close(self._fd)
            self._watcher = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("first", _Timespec))


_libc = ctypes.CDLL(None, use_errno=True)


def _timer_descriptor() -> int:
    if not sys.platform.startswith("linux"):
        return -1
    descriptor: int = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    return descriptor


def _arm(descriptor: int, instant: float) -> None:
    seconds, nanoseconds = divmod(int(instant * _NANOSECONDS), _NANOSECONDS)
    timer = _Timer(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
    if _libc.timerfd_settime(descriptor, _ABSOLUTE, ctypes.byref(timer), None):
        raise OSError(ctypes.get_errno(), "timerfd_settime failed")
