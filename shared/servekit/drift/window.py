"""The last rows a model answered: a ring buffer of fixed size that costs a request one copy.

With a ``directory`` the ring is a memory-mapped file, one for each worker process, and any worker can read all of
them: so the one worker that happens to answer a scrape speaks for all. The cost of an append is the same, no lock
crosses processes. A row may be read while it is being replaced; its values are then partly the old row's, each of
them whole.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from glob import escape
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SlidingWindow"]

_COUNTER_BYTES = 8


class SlidingWindow:
    """A sliding window over rows of ``features`` float32 columns followed by ``scores`` float32 columns.

    Args:
        rows: how many rows it holds; the memory is ``4 * rows * (features + scores)`` bytes, allocated once.
        features: number of feature columns.
        scores: number of score columns.
        directory: where worker processes share their rings; ``None`` keeps the ring in memory.
        name: what the rings of the same model version in ``directory`` are called.
    """

    def __init__(
        self, rows: int, features: int, scores: int, directory: Path | None = None, name: str = "window"
    ) -> None:
        self._rows, self._columns = rows, features + scores
        self._directory, self._name = directory, name
        self._lock = Lock()
        self._counter, self._ring = self._allocate()
        self._features, self._scores = self._ring[:, :features], self._ring[:, features:]
        self._total = 0

    def append(self, features: NDArray[Any], scores: NDArray[Any]) -> None:
        """Copies ``features`` [n, F] and ``scores`` [n, S] into the window, or its last rows if they are more."""
        n = len(features)
        with self._lock:
            at = self._total % self._rows
            self._total += n
            if n == 1:
                self._features[at] = features
                self._scores[at] = scores
            else:
                self._append_many(at, features, scores)
            self._counter[0] = self._total

    def snapshot(self) -> tuple[list[NDArray[np.float32]], int]:
        """A copy of each worker's rows [n, F+S], its oldest first, and the number of rows ever appended by all."""
        with self._lock:
            rings = [(_oldest_first(self._ring, self._total), self._total)]
        rings += [self._read(path) for path in self._peers()]
        return [rows for rows, _ in rings], sum(total for _, total in rings)

    def _append_many(self, at: int, features: NDArray[Any], scores: NDArray[Any]) -> None:
        n = len(features)
        if n > self._rows:
            at = (at + n) % self._rows
            features, scores = features[-self._rows :], scores[-self._rows :]
        head = self._rows - at
        self._features[at : at + n] = features[:head]
        self._scores[at : at + n] = scores[:head]
        if len(features) > head:
            self._features[: len(features) - head] = features[head:]
            self._scores[: len(features) - head] = scores[head:]

    def _allocate(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if self._directory is None:
            return np.zeros(1, np.int64), np.zeros((self._rows, self._columns), np.float32)
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{self._name}.{os.getpid()}.ring"
        path.unlink(missing_ok=True)  # a window of this process that is still mapped must keep its blocks
        with path.open("w+b") as file:
            _allocate_on_disk(file.fileno(), _COUNTER_BYTES + 4 * self._rows * self._columns, path)
            # a plain array over the mapping: np.memmap would double the cost of an append
            raw = np.frombuffer(mmap.mmap(file.fileno(), 0), np.uint8)
        ring = raw[_COUNTER_BYTES:].view(np.float32).reshape(self._rows, self._columns)
        return raw[:_COUNTER_BYTES].view(np.int64), ring

    def _peers(self) -> Iterator[Path]:
        if self._directory is None:
            return
        for path in self._directory.glob(f"{escape(self._name)}.*.ring"):
            pid = int(path.name.split(".")[-2])
            if _alive(pid):
                if pid != os.getpid():
                    yield path
            else:
                # a dead worker's traffic is history, and nobody else would ever overwrite it
                path.unlink(missing_ok=True)

    def _read(self, path: Path) -> tuple[NDArray[np.float32], int]:
        with suppress(OSError):
            raw = path.read_bytes()
            if len(raw) == _COUNTER_BYTES + 4 * self._rows * self._columns:
                total = int(np.frombuffer(raw, np.int64, 1)[0])
                rows = np.frombuffer(raw, np.float32, offset=_COUNTER_BYTES).reshape(self._rows, self._columns)
                return _oldest_first(rows, total), total
        return np.empty((0, self._columns), np.float32), 0


def _oldest_first(ring: NDArray[np.float32], total: int) -> NDArray[np.float32]:
    return ring[:total].copy() if total < len(ring) else np.roll(ring, -(total % len(ring)), axis=0)


def _allocate_on_disk(descriptor: int, size: int, path: Path) -> None:
    """Blocks for the whole file: a mapping of blocks that a full disk lacks ends the process when it is written."""
    os.ftruncate(descriptor, size)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
