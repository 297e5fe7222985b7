"""The listening socket, and the one reason why a process may not start that is not its own fault."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iris_api.settings import IrisSettings

__all__ = ["StartupError", "listen"]


class StartupError(Exception):
    """The process cannot start, and what would help."""


def listen(settings: IrisSettings) -> socket.socket:
    """The listening HTTP socket.

    Raises:
        StartupError: the port is taken or the address is not this machine's.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.share_ports:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise StartupError(f"{settings.host}:{settings.port}: {error.strerror}: free it, or set IRIS_PORT") from None
    listener.set_inheritable(False)
    return listener
