"""The list of the writers in a directory. It is a chain as well, and the writers' own chains name its end."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from servekit.audit.file import sync_entries
from servekit.audit.line import GENESIS, Joined
from servekit.audit.recovery import Link, check_seal, cut_torn, files_of, last_link

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servekit.audit.line import Sealer

__all__ = ["Register", "list_path", "listed"]


def list_path(directory: Path) -> Path:
    """The path of a directory's list of writers."""
    return directory / "writers.list"


def listed(directory: Path) -> list[str]:
    """The names on the list, in order; empty when there is no list."""
    try:
        lines = list_path(directory).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [joined.writer for line in lines if (joined := _joined(line))]


@dataclass(slots=True)
class Register:
    """A directory's list of writers, as one of them sees it.

    Args:
        directory: the directory of the list.
        sealer: seals the lines.
        fsync: whether a line is forced to the disk.
    """

    directory: Path
    sealer: Sealer
    fsync: bool
    _size: int = field(default=0, init=False)

    def join(self, writer: str) -> str:
        """The hash that the list ends in, once ``writer`` is on it.

        A new list begins with all who already have files here: they are older than the list.
        """
        path = list_path(self.directory)
        with _locked(path) as file:
            check_seal([path], self.sealer)
            cut_torn(path)
            known = listed(self.directory)
            joining = {writer} if known else {writer, *files_of(self.directory)}
            end = last_link(path) or Link(0, GENESIS)
            lines = b""
            for name in sorted(joining.difference(known)):
                line, mark = self.sealer.seal(
                    Joined(end.seq + 1, datetime.now(UTC), name, self.sealer.name, end.hash),
                )
                end, lines = Link(end.seq + 1, mark), lines + line
            with path.open("ab") as log:
                log.write(lines)
            if self.fsync:
                os.fsync(file)
                sync_entries(self.directory)
            self._size = path.stat().st_size
        return end.hash

    def news(self) -> str | None:
        """The hash that the list ends in, or None when it has not changed since the last look."""
        path = list_path(self.directory)
        try:
            size = path.stat().st_size
            end = last_link(path) if size != self._size else None
        except OSError:
            # whoever took the list away is found by those who verify
            return None
        if end is None:
            return None
        self._size = size
        return end.hash


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _joined(line: bytes) -> Joined | None:
    try:
        return msgspec.json.decode(line, type=Joined)
    except msgspec.DecodeError:
        return None
