"""The standard library's own sockets and selectors, also in a process where Locust has put gevent's in their place."""

from __future__ import annotations

import select
import selectors
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Selector", "Socket", "poll"]


def _own(module: str, name: str) -> Any:
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey.get_original(module, name) if monkey else getattr(sys.modules[module], name)


Socket: type[socket.socket] = _own(socket.__name__, "socket")
Selector: type[selectors.DefaultSelector] = _own(selectors.__name__, "DefaultSelector")
poll: Callable[[], select.poll] = _own(select.__name__, "poll")
