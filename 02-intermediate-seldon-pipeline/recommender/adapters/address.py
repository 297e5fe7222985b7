"""The address behind a host's name, looked up outside the requests that need it.

`socket.getaddrinfo` takes no timeout: while DNS drops packets it blocks its thread for 10 s and longer, and with a few
requests every thread of the process. Here a thread of its own asks, and the last answer serves meanwhile.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Address", "UnknownAddressError", "look_up"]


class UnknownAddressError(OSError):
    """A host's address has never been learnt, and DNS does not say it in time."""


def look_up(host: str) -> str:
    """The first address of a host; it may block for long.

    Raises:
        OSError: there is no such host, or DNS does not answer.
    """
    return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])


class Address:
    """The address of one host, at most one look-up of which runs at a time; for many threads, and across a fork.

    Args:
        host: a name, or an address, which is its own.
        fresh_s: after how long it is looked up anew.
        lookup: asks for the address and may block.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        host: str,
        *,
        fresh_s: float = 30,
        lookup: Callable[[str], str] = look_up,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._fresh_s = fresh_s
        self._lookup = lookup
        self._clock = clock
        self._found: str | None = None
        self._found_at = float("-inf")
        self._asking: threading.Thread | None = None
        self._lock = threading.Lock()

    def current(self, wait_s: float) -> str:
        """The address: the last one at once, however old; the first after at most ``wait_s``.

        Raises:
            UnknownAddressError: no look-up has succeeded yet.
        """
        asking = self._refresh()
        if self._found is None and asking is not None:
            asking.join(wait_s)
        if self._found is None:
            raise UnknownAddressError(f"{self._host}: DNS gives no address within {wait_s:g} s")
        return self._found

    def doubt(self) -> None:
        """Lets the next request look the address up: nobody answers there."""
        self._found_at = float("-inf")

    def _refresh(self) -> threading.Thread | None:
        """The look-up that runs; it is started when the address is old. A fork's child has none of its parent's."""
        with self._lock:
            running = self._asking if self._asking is not None and self._asking.is_alive() else None
            if running is None and self._clock() - self._found_at >= self._fresh_s:
                running = threading.Thread(target=self._ask, name="address", daemon=True)
                running.start()
            self._asking = running
            return running

    def _ask(self) -> None:
        try:
            found = self._lookup(self._host)
        except OSError:
            return  # the old address may still be right; the next request asks again
        self._found, self._found_at = found, self._clock()
