"""The ports of a process, and clear errors when it cannot have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servekit.startup import StartupError, bound_socket

if TYPE_CHECKING:
    import socket

    from iris_api.settings import IrisSettings

__all__ = ["bind_socket", "check_ports"]


def check_ports(settings: IrisSettings) -> None:
    """Checks that both ports are free, before the model is loaded and before workers share them.

    Raises:
        StartupError: a port is taken, or the address is not this machine's.
    """
    if settings.port == settings.grpc_port != 0:
        raise StartupError(f"IRIS_GRPC_PORT {settings.grpc_port}: the same as IRIS_PORT: set another")
    for port, name in ((settings.port, "IRIS_PORT"), (settings.grpc_port, "IRIS_GRPC_PORT")):
        bound_socket(settings.host, port, ("IRIS_HOST", name)).close()


def bind_socket(settings: IrisSettings) -> socket.socket:
    """A socket that is bound to the HTTP port.

    Raises:
        StartupError: the port is taken or the address is not this machine's.
    """
    return bound_socket(settings.host, settings.port, ("IRIS_HOST", "IRIS_PORT"), shared=settings.worker_of > 0)
