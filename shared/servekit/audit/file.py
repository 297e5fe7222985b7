"""The files of a log, which are appended to, rotated, and anchored by the head."""

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
        writer: the name of the writer.
        number: the number of the file to append to first.
        fsync: whether lines are forced to the disk before the head names them.
    """

    def __init__(self, directory: Path, writer: str, number: int, *, fsync: bool) -> None:
        self._directory, self._writer, self._fsync = directory, writer, fsync
        self._number = number
        self._file = self._open(number)

    def rotate(self) -> None:
        """Closes the file and opens the next one."""
        full = self._file
        self._file = self._open(self._number + 1)
        self._number += 1
        os.close(full)

    def write(self, chunk: bytearray) -> None:
        """Appends ``chunk`` and removes the written bytes from it; after an OSError the rest is still there."""
        while chunk:
            with memoryview(chunk) as view:
                written = os.write(self._file, view)
            del chunk[:written]

    def sync(self) -> None:
        """Forces the file to the disk, if ``fsync`` is set."""
        if self._fsync:
            os.fsync(self._file)

    def anchor(self, line: bytes) -> None:
        """Replaces the head file, atomically where there is room for a second one, else in place.

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
        """Closes the current file."""
        os.close(self._file)

    def _open(self, number: int) -> int:
        file = os.open(log_path(self._directory, self._writer, number), _FLAGS, 0o640)
        if self._fsync:
            sync_entries(self._directory)
        return file


def sync_entries(directory: Path) -> None:
    """Forces the names of new files to the disk; they are data of their directory."""
    entry = os.open(directory, os.O_RDONLY)
    os.fsync(entry)
    os.close(entry)
