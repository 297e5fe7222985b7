"""The ports of a process, and clear errors when it cannot have them."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iris_api.settings import IrisSettings

__all__ = ["StartupError", "bind_socket", "check_ports"]


class StartupError(Exception):
    """The process cannot start; the text says why and what would help."""


def check_ports(settings: IrisSettings) -> None:
    """Checks that both ports are free, before the model is loaded and before workers share them.

    Raises:
        StartupError: a port is taken, or the address is not this machine's.
    """
    if settings.port == settings.grpc_port != 0:
        raise StartupError(f"IRIS_GRPC_PORT {settings.grpc_port}: the same as IRIS_PORT: set another")
    for port, name in ((settings.port, "IRIS_PORT"), (settings.grpc_port, "IRIS_GRPC_PORT")):
        _bind(settings.host, port, name, shared=False).close()


def bind_socket(settings: IrisSettings) -> socket.socket:
    """A socket that is bound to the HTTP port.

    Raises:
        StartupError: the port is taken or the address is not this machine's.
    """
    return _bind(settings.host, settings.port, "IRIS_PORT", shared=settings.share_ports)


def _bind(host: str, port: int, name: str, *, shared: bool) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        remedy = f"free it, or set {name}" if error.errno == errno.EADDRINUSE else f"set IRIS_HOST or {name}"
        raise StartupError(f"{host}:{port}: {error.strerror}: {remedy}") from None
    listener.set_inheritable(False)
    return listener
