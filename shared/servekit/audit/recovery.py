"""The end of a chain after a clean stop, or after a crash that cut the last line off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from servekit.audit.errors import AuditSealError
from servekit.audit.line import GENESIS, Head

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from servekit.audit.line import Sealer

__all__ = [
    "Link", "Resumption", "check_seal", "cut_torn", "files_of", "head_path", "last_link", "log_path", "read_head",
    "resume", "seal_of",
]  # fmt: skip

_NAME = re.compile(r"(?P<writer>.+)\.(?P<file>\d{6,})\.jsonl")


@dataclass(frozen=True, slots=True)
class Resumption:
    """The end of the log as found: the next line has ``seq + 1`` and ``prev``, in ``file`` of ``size`` bytes."""

    file: int
    size: int
    seq: int
    prev: str
    torn_bytes: int
    head: Literal["new", "kept", "missing", "broken"]


class Link(msgspec.Struct):
    """The members of the last line that the next line of a chain needs."""

    seq: int
    hash: str


class _Sealed(msgspec.Struct):
    seal: str


def log_path(directory: Path, writer: str, file: int) -> Path:
    """The path of a writer's file number ``file``."""
    return directory / f"{writer}.{file:06}.jsonl"


def head_path(directory: Path, writer: str) -> Path:
    """The path of a writer's head file."""
    return directory / f"{writer}.head"


def files_of(directory: Path) -> dict[str, dict[int, Path]]:
    """Each writer's files by number, ascending."""
    found: dict[str, dict[int, Path]] = {}
    for path in directory.iterdir():
        if match := _NAME.fullmatch(path.name):
            found.setdefault(match["writer"], {})[int(match["file"])] = path
    return {writer: dict(sorted(files.items())) for writer, files in sorted(found.items())}


def read_head(directory: Path, writer: str, sealer: Sealer) -> Head | Literal["missing", "broken"]:
    """The writer's head, or ``missing`` or ``broken``."""
    try:
        opened = sealer.open(head_path(directory, writer).read_bytes().rstrip(b" "))
    except FileNotFoundError:
        return "missing"
    head = opened[0] if opened else None
    return head if isinstance(head, Head) and head.writer == writer else "broken"


def resume(directory: Path, writer: str, sealer: Sealer) -> Resumption:
    """The end of the log, once a torn line has been moved into a ``.torn`` file beside it.

    Lines that the head knows and the log lacks keep their numbers, so that the gap stays visible. Raises AuditSealError
    when the log is sealed in another way than ``sealer`` does.
    """
    files = files_of(directory).get(writer, {})
    check_seal(reversed(files.values()), sealer)
    head = read_head(directory, writer, sealer)
    torn = cut_torn(files[max(files)]) if files else 0
    last = next((link for path in reversed(files.values()) if (link := last_link(path))), Link(0, GENESIS))
    file = max(files, default=1)
    return Resumption(
        file=file,
        size=files[file].stat().st_size if files else 0,
        seq=max(last.seq, head.seq) if isinstance(head, Head) else last.seq,
        prev=last.hash,
        torn_bytes=torn,
        head="kept" if isinstance(head, Head) else "new" if head == "missing" and not files else head,
    )


def check_seal(paths: Iterable[Path], sealer: Sealer) -> None:
    """Raises AuditSealError when the first readable file of ``paths`` was sealed in another way than ``sealer``'s."""
    for path in paths:
        with path.open("rb") as file:
            seal = seal_of(file.readline())
        if seal is not None:
            if seal != sealer.name:
                raise AuditSealError(
                    f"audit log {path}: sealed with {seal}, AUDIT_KEY asks for {sealer.name}; "
                    "keep the key as it was or begin a new directory"
                )
            return


def seal_of(line: bytes) -> str | None:
    """The kind of a file's seal, by its first line; ``None`` when that does not tell."""
    try:
        return msgspec.json.decode(line, type=_Sealed).seal
    except msgspec.DecodeError:
        return None


def cut_torn(path: Path) -> int:
    """The number of bytes of a torn last line of ``path``, once they were moved into a ``.torn`` file beside it."""
    data = path.read_bytes()
    end = len(data)
    # a crash of the machine may leave whole lines of zeros where data blocks never reached the disk
    while end and _link(data[data.rfind(b"\n", 0, end - 1) + 1 : end]) is None:
        end = data.rfind(b"\n", 0, end - 1) + 1
    if end < len(data):
        with path.with_name(f"{path.name}.torn").open("ab") as aside:
            aside.write(data[end:] + b"\n")
        with path.open("r+b") as log:
            log.truncate(end)
    return len(data) - end


def last_link(path: Path) -> Link | None:
    """The link of the last line of ``path``; ``None`` when there is no line or it is torn."""
    data = path.read_bytes()
    return _link(data[data.rfind(b"\n", 0, len(data) - 1) + 1 :])


def _link(line: bytes) -> Link | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return msgspec.json.decode(line, type=Link)
    except msgspec.DecodeError:
        return None
