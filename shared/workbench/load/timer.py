"""Waking up in time."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Final

__all__ = ["Timer"]

_ABSOLUTE: Final = 1
_NANOSECONDS: Final = 1_000_000_000


class Timer:
    """A kernel timer (timerfd_create(2)): its descriptor is ready to be read from an instant on.

    The time-out of a selector ends on whole milliseconds, which would add half a millisecond to every latency; such a
    timer wakes it within microseconds.

    Attributes:
        descriptor: to be watched; -1 on systems that have none, where a time-out must do.
    """

    def __init__(self) -> None:
        self.descriptor = _timer_descriptor()

    def set(self, instant: float) -> None:
        """Make it ready at an instant of ``time.monotonic()``, and no more ready before."""
        seconds, nanoseconds = divmod(max(int(instant * _NANOSECONDS), 1), _NANOSECONDS)
        timer = _Timerspec(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        if _libc.timerfd_settime(self.descriptor, _ABSOLUTE, ctypes.byref(timer), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime failed")

    def close(self) -> None:
        """Give the kernel timer back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("first", _Timespec))


_libc = ctypes.CDLL(None, use_errno=True)


def _timer_descriptor() -> int:
    if not sys.platform.startswith("linux"):
        return -1
    descriptor: int = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    return descriptor
