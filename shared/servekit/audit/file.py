"""The files under a log: appended to, rotated, and anchored by the head."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from servekit.audit.recovery import head_path, log_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LogFile", "sync_entries"]

_HEAD_BYTES = 512
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class LogFile:
    """A writer's current file.

    Args:
        directory: where the files lie.
        writer: whose they are.
        number: which one to append to first.
        fsync: whether what was written is forced to the disk before the head says it is there.
    """

    def __init__(self, directory: Path, writer: str, number: int, *, fsync: bool) -> None:
        self._directory, self._writer, self._fsync = directory, writer, fsync
        self._number = number
        self._file = self._open(number)

    def rotate(self) -> None:
        """Go on in the next file."""
        full = self._file
        self._file = self._open(self._number + 1)
        self._number += 1
        os.close(full)

    def write(self, chunk: bytearray) -> None:
        """Append ``chunk``, taking from it what was written: after an OSError the rest is still in it."""
        while chunk:
            with memoryview(chunk) as view:
                written = os.write(self._file, view)
            del chunk[:written]

    def sync(self) -> None:
        """Force the file to the disk, if so configured."""
        if self._fsync:
            os.fsync(self._file)

    def anchor(self, line: bytes) -> None:
        """Replace the head file, atomically where there is room for a second one, else in place.

        Blanks after the line keep its block large enough for every later line: within it a full disk takes them.
        """
        path = head_path(self._directory, self._writer)
        fresh = path.with_suffix(".head.new")
        padded = line.ljust(_HEAD_BYTES)
        try:
            fresh.write_bytes(padded)
            fresh.replace(path)
        except OSError:
            if not path.exists():
                raise
            with path.open("r+b", buffering=0) as file:
                file.write(padded)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _open(self, number: int) -> int:
        file = os.open(log_path(self._directory, self._writer, number), _FLAGS, 0o640)
        if self._fsync:
            sync_entries(self._directory)
        return file


def sync_entries(directory: Path) -> None:
    """Force the names of new files to the disk: they are data of their directory."""
    entry = os.open(directory, os.O_RDONLY)
    os.fsync(entry)
    os.close(entry)
