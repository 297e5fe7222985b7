"""How a server begins, or says in one line why it cannot: its socket, and what is wrong in its settings."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_settings import BaseSettings

__all__ = ["StartupError", "bound_socket", "setting_problems"]


class StartupError(Exception):
    """The process cannot start; the text says why and what would help."""


def bound_socket(host: str, port: int, names: tuple[str, str], *, shared: bool = False) -> socket.socket:
    """A TCP socket that is bound and does not listen yet.

    Args:
        host: the IPv4 address.
        port: 0 for any.
        names: the variables that set both, for the error.
        shared: other processes may bind it, too; the kernel deals the connections out.

    Raises:
        StartupError: the port is taken, or the address is not this machine's.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        remedy = f"free it, or set {names[1]}" if error.errno == errno.EADDRINUSE else f"set {' or '.join(names)}"
        raise StartupError(f"{host}:{port}: {error.strerror}: {remedy}") from None
    return listener


def setting_problems(error: ValidationError, *kinds: type[BaseSettings]) -> list[str]:
    """``VARIABLE value: what is wrong`` for each setting that cannot be used.

    Args:
        error: what pydantic raised.
        kinds: the classes that it may be about; each has the prefix of its variables.
    """
    prefix = next((str(kind.model_config.get("env_prefix")) for kind in kinds if kind.__name__ == error.title), "")
    return [f"{prefix}{each['loc'][0]}".upper() + f" {each['input']}: {each['msg']}" for each in error.errors()]
