"""The checks of secrets and public addresses before a level starts; no secret is written down."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from typing import TYPE_CHECKING, Final

from workbench.stack.spec import StackError
from workbench.stack.started import is_secret

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.stack.spec import Stack

__all__ = ["ALLOWED", "check_open", "fingerprint"]

ALLOWED: Final = "PUBLIC_WITHOUT_KEYS"
"""The variable that says, set to 1, that a level may be open to everybody who reaches this machine."""

_SHARED: Final = "AUDIT_"
_OWNER_ALONE: Final = 0o600
_SALT_BYTES: Final = 32


def fingerprint(stack: Stack) -> str:
    """A digest of all secrets of the stack, with a salt kept in the run folder; it changes when one of them does.

    A secret that is empty is none. Without the salt, which its owner alone can read, nobody can try keys on the digest.
    """
    names = sorted(name for name, value in os.environ.items() if value and is_secret(name) and _concerns(stack, name))
    if not names:
        return "none"
    digest = hashlib.blake2b(key=_salt(stack.home / "salt"), digest_size=16)
    for name in names:
        digest.update(f"{name}={os.environ[name]}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def check_open(stack: Stack) -> None:
    """Checks that a stack with a public address asks for keys, or is declared open.

    Raises:
        StackError: the stack would answer everybody who reaches this machine.
    """
    if stack.guarded or os.environ.get(ALLOWED) == "1":
        return
    for setting, host in stack.hosts.items():
        if not _is_here(host):
            remedy = f"set {stack.keys}, or " if stack.keys else "it has no keys: put a server before it that asks, or "
            raise StackError(
                f"{setting} {host}: {stack.title} would answer everybody who reaches this machine; {remedy}"
                f"set {ALLOWED}=1 if that is meant"
            )


def _concerns(stack: Stack, name: str) -> bool:
    return name.startswith(_SHARED) or (bool(stack.prefix) and name.startswith(stack.prefix))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _salt(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE), "wb") as file:
            file.write(secrets.token_bytes(_SALT_BYTES))
        return path.read_bytes()
