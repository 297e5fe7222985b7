"""One writer for each log, enforced by the kernel: the lock ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from servekit.audit.errors import AuditLockedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WriterLock"]


class WriterLock:
    """An exclusive lock on ``path``, held until ``release``; raises AuditLockedError naming the holder."""

    def __init__(self, path: Path) -> None:
        # opened without truncation: the text in it is the holder's, until the lock is ours
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 1024).decode(errors="replace").strip() or "another process"
            os.close(self._file)
            raise AuditLockedError(
                f"audit log {path.with_suffix('')}: written by {holder}; each process needs a writer name of its own"
            ) from None
        try:
            os.truncate(self._file, 0)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            os.write(self._file, f"pid {os.getpid()} ({' '.join(sys.argv)[:200]}) since {since}\n".encode())
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Releases the lock, for the next writer."""
        # the file stays: once deleted, two writers could lock two files of its name
        os.close(self._file)
