"""Notices when a learner saves, whatever way the editor writes, also by renaming another file into the place.

The operating system says when something changes, and four times a second the file is looked at all the same: a save
between two looks is not missed, nor one on a file system that reports nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from watchfiles import Change, DefaultFilter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HOW", "Saves"]


class _How(TypedDict):
    debounce: int
    step: int
    rust_timeout: int
    yield_on_timeout: bool


HOW = _How(debounce=300, step=50, rust_timeout=250, yield_on_timeout=True)
"""Arguments in ms for `watchfiles.watch` and `watchfiles.awatch`; each of their rounds asks `Saves.fresh`."""


class Saves:
    """What a learner's file or folder was like when it was last asked about; from the start what it is like then."""

    def __init__(self, work: Path) -> None:
        self._work = work.resolve()
        self._seen = self._stamps()

    @property
    def folder(self) -> Path:
        """The folder to watch: a file that is replaced is another file, its folder stays."""
        return self._work.parent

    @property
    def concerned(self) -> Callable[[Change, str], bool]:
        """Which of the folder's changes are about the work, for watchfiles."""
        usual = DefaultFilter()
        return lambda change, path: Path(path).is_relative_to(self._work) and usual(change, path)

    def fresh(self) -> bool:
        """Whether something was saved since this was last asked; what is gone for a moment will come back."""
        before, now = self._seen, self._stamps()
        self._seen = now or before
        return self._seen != before

    def _stamps(self) -> tuple[tuple[str, int, int], ...]:
        """Name, time of the last change in ns, and size of each file."""
        found = []
        for path in sorted(self._work.rglob("*")) if self._work.is_dir() else [self._work]:
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            if path.is_file():
                found.append((str(path), stat.st_mtime_ns, stat.st_size))
        return tuple(found)
