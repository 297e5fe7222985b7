"""The processes' logs for people: ECS JSON lines become time, process, level and message; others stay unchanged."""

from __future__ import annotations

import heapq
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from workbench.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

__all__ = ["Line", "follow", "newest", "parse", "show", "size", "tail"]

_BLOCK = 64 * 1024
_POLL_S = 0.2
_COLOURS = {"debug": "dim", "info": "green", "warning": "yellow", "error": "red", "critical": "bold red"}


@dataclass(frozen=True, order=True)
class Line:
    """One line of a log; ordered by time.

    Args:
        time: seconds since the epoch; of the line before it when it has none of its own.
        process: who wrote it.
        text: the message, with status and duration where a request was logged; or the raw line.
        level: debug, info, warning, error, critical; None for a raw line.
    """

    time: float
    process: str
    text: str
    level: str | None = None


def size(path: Path) -> int:
    """The bytes in a file; 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


def tail(path: Path, count: int, since: int = 0) -> list[str]:
    """The last `count` lines of a file, none from before the byte `since`; empty when there is no file."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        start = position = file.seek(0, 2)
        first = since if since <= position else 0
        data = b""
        while start > first and data.count(b"\n") <= count:
            start = max(first, start - _BLOCK)
            file.seek(start)
            data = file.read(position - start)
    return data.decode(errors="replace").splitlines()[-count:]


def parse(process: str, raw: str, before: float = 0.0) -> Line:
    """A line of `process` for people; `before` is the time of the line before it."""
    try:
        record = json.loads(raw)
        when = datetime.fromisoformat(_field(record, "@timestamp")).timestamp()
    except (ValueError, TypeError):
        return Line(before, process, raw)
    level = _field(record, "log.level")
    return Line(when, process, " ".join(_words(record)), str(level or "info").lower())


def newest(files: Mapping[str, Path], count: int) -> list[Line]:
    """The `count` newest lines of several processes' logs, by time."""
    per_file = [list(_parse_all(name, tail(path, count))) for name, path in files.items()]
    return list(heapq.merge(*per_file, key=lambda line: line.time))[-count:]


def follow(files: Mapping[str, Path], pause: Callable[[], object] = lambda: time.sleep(_POLL_S)) -> Iterator[Line]:
    """Each line from now on, endlessly; goes on when a log is rotated or appears. `pause` is taken between looks."""
    position = {name: size(path) for name, path in files.items()}
    inode = {name: _inode(path) for name, path in files.items()}
    rest = dict.fromkeys(files, b"")
    while True:
        for name, path in files.items():
            if _inode(path) != inode[name] or size(path) < position[name]:
                inode[name], position[name], rest[name] = _inode(path), 0, b""
            if size(path) > position[name]:
                with path.open("rb") as file:
                    file.seek(position[name])
                    data = rest[name] + file.read()
                    position[name] = file.tell()
                *lines, rest[name] = data.split(b"\n")
                yield from _parse_all(name, [line.decode(errors="replace") for line in lines], time.time())
        pause()


def show(line: Line, console: Console, width: int) -> None:
    """Prints a line as one line, with its line breaks shown; `width` is that of the longest process name."""
    clock = datetime.fromtimestamp(line.time, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3] if line.time else " " * 12
    level = line.level or ""
    colour = _COLOURS.get(level, "")
    prefix = Text.assemble((clock, "dim"), f" {line.process:<{width}} ", (f"{level:<8} ", colour))
    console.print(prefix + Text(printable(line.text)), soft_wrap=True)


def _parse_all(process: str, lines: Sequence[str], before: float = 0.0) -> Iterator[Line]:
    for raw in lines:
        line = parse(process, raw, before)
        before = line.time
        yield line


def _words(record: Mapping[str, Any]) -> Iterator[str]:
    message = str(_field(record, "message") or "")
    status, duration_ns = _field(record, "http.response.status_code"), _field(record, "event.duration")
    yield message
    if status is not None and str(status) not in message.split():
        yield str(status)
    if isinstance(duration_ns, int | float):
        yield f"{duration_ns / 1e6:.1f} ms"
    error = _field(record, "error.message")
    if error:
        yield f"({_field(record, 'error.type') or 'error'}: {error})"


def _field(record: Any, name: str) -> Any:
    """An ECS field, written with dots or nested, at any depth: both are valid and ecs-logging mixes them."""
    if not isinstance(record, dict):
        return None
    if name in record:
        return record[name]
    head, dot, rest = name.partition(".")
    return _field(record.get(head), rest) if dot else None


def _inode(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0
