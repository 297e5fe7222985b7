"""Writes files that others may read at any moment: they see the old contents or the new, never a mixture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OWNER_ALONE", "write_whole"]

OWNER_ALONE: Final = 0o600
"""The mode of a secret: from its first byte, only its owner can read it."""
_ANYBODY: Final = 0o666  # what the umask leaves of it, as for any new file


def write_whole(path: Path, content: bytes, mode: int = _ANYBODY) -> None:
    """Puts a file in its place in one piece, with its folder where there is none.

    Args:
        path: the file, which is replaced if it exists.
        content: the new bytes.
        mode: the permissions, before the umask.

    Raises:
        OSError: the disk is full or the folder cannot be written; an old file is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
