"""The verification of a log: every line is there, in order and unchanged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servekit.audit.errors import AuditError, AuditSealError
from servekit.audit.line import GENESIS, Head, Line, Opened, Sealer, Witness
from servekit.audit.recovery import files_of, head_path, log_path, read_head, seal_of
from servekit.audit.register import list_path, listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = ["DirectoryReport", "Discrepancy", "FileReport", "WriterReport", "verify"]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A difference from what was written; ``line`` counts from 1 and is ``None`` for the file as a whole."""

    path: Path
    line: int | None
    text: str

    def __str__(self) -> str:
        place = self.path.name if self.line is None else f"{self.path.name}:{self.line}"
        return f"{place}: {self.text}"


@dataclass(slots=True)
class FileReport:
    """The report on one file: lines, first and last time, what is wrong, and notes that are harmless."""

    path: Path
    lines: int = 0
    first: datetime | None = None
    last: datetime | None = None
    problems: list[Discrepancy] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class WriterReport:
    """The report on one writer's chain, or on the list of writers: its files in order, and the head it ends in.

    ``witnessed`` are the ends of the list of writers that its lines name, and where the first of them does.
    """

    writer: str
    files: list[FileReport] = field(default_factory=list)
    head: tuple[int, str] = (0, GENESIS)
    hashes: set[str] = field(default_factory=set)
    witnessed: dict[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> list[Discrepancy]:
        """All problems, in the order of the chain."""
        return [problem for file in self.files for problem in file.problems]


@dataclass(frozen=True, slots=True)
class DirectoryReport:
    """The report on a directory: all writers' chains, and the list of writers, empty in logs older than the list."""

    writers: list[WriterReport]
    register: WriterReport

    @property
    def chains(self) -> list[WriterReport]:
        """Every chain, the list of writers last."""
        return [*self.writers, self.register]

    @property
    def problems(self) -> list[Discrepancy]:
        """All problems, chain by chain."""
        return [problem for chain in self.chains for problem in chain.problems]

    @property
    def hashes(self) -> set[str]:
        """The hashes of all lines."""
        return set[str]().union(*(chain.hashes for chain in self.chains))


def verify(directory: Path, key: str = "") -> DirectoryReport:
    """The report on every writer's chain in ``directory``, and on whether exactly the listed writers are there.

    A log may be in use: the heads are read before the lines. A writer that was listed before that must have files; a
    writer whose lines were found must be listed afterwards.

    Raises AuditError when there is no log, AuditSealError when the log has HMAC seals and ``key`` is empty.
    """
    if not directory.is_dir():
        raise AuditError(f"audit directory {directory}: no such directory")
    sealer = Sealer(key)
    expected = listed(directory)
    heads = {path.stem: read_head(directory, path.stem, sealer) for path in directory.glob("*.head")}
    files = files_of(directory)
    names = sorted({*expected, *heads, *files})
    if not names:
        raise AuditError(f"audit directory {directory}: no audit log in it")
    writers = [_Chain(directory, name, sealer).check(files.get(name, {}), heads.get(name)) for name in names]
    return DirectoryReport(writers, _check_list(directory, sealer, writers))


def _check_list(directory: Path, sealer: Sealer, writers: list[WriterReport]) -> WriterReport:
    path = list_path(directory)
    report = _Chain(directory, "the list of writers", sealer).check_list(path)
    file, names = report.files[-1], set(listed(directory))
    witnessed = {mark: place for writer in writers for mark, place in writer.witnessed.items()}
    if not path.exists():
        if not witnessed:
            report.files.clear()
            return report
        file.problems.append(Discrepancy(path, None, "missing: whether a writer was removed cannot be told"))
        return report
    file.problems += [
        Discrepancy(path, None, f"does not name {writer.writer}, whose files are here: they were added")
        for writer in writers
        if writer.hashes and writer.writer not in names
    ]
    if not file.problems and (cut := witnessed.keys() - report.hashes):
        place = min(witnessed[mark] for mark in cut)
        file.problems.append(Discrepancy(path, None, f"truncated or replaced: {place} knows a line that is not in it"))
    return report


@dataclass(slots=True)
class _Chain:
    """Walks one writer's files; ``prev`` is ``None`` after a line whose hash cannot be known."""

    directory: Path
    writer: str
    sealer: Sealer
    seq: int = 0
    prev: str | None = GENESIS
    anchored: str | None = None

    def check(self, files: dict[int, Path], head: Head | str | None) -> WriterReport:
        report = WriterReport(self.writer)
        expected_hash_at = head.seq if isinstance(head, Head) else -1
        for number in range(1, max(files, default=0) + 1):
            path = files.get(number)
            report.files.append(self._missing(number) if path is None else FileReport(path))
            if path is not None:
                self._file(report, path, expected_hash_at, newest=number == max(files))
        report.head = (self.seq, self.prev or "")
        if problem := self._head(head, report):
            report.files.append(FileReport(problem.path, problems=[problem]))
        return report

    def check_list(self, path: Path) -> WriterReport:
        """Walk the list of writers, which has one file and no head: the writers' lines know where it ended."""
        report = WriterReport(self.writer, [FileReport(path)])
        if path.exists():
            self._file(report, path, -1, newest=True)
            report.head = (self.seq, self.prev or "")
        return report

    def _missing(self, number: int) -> FileReport:
        path = log_path(self.directory, self.writer, number)
        # whatever the next file begins with is taken as it is: one loss, one problem
        self.seq, self.prev = -1, None
        return FileReport(path, problems=[Discrepancy(path, None, "missing")])

    def _file(self, report: WriterReport, path: Path, anchor: int, *, newest: bool) -> None:
        file = report.files[-1]
        *lines, torn = path.read_bytes().split(b"\n")
        if torn:
            self._torn(file, len(lines) + 1, len(torn), newest=newest)
        records = list(self._records(path, lines))
        present = {record[0].seq for record in records if record}
        for number, record in enumerate(records, 1):
            file.lines += 1
            if record is None:
                file.problems.append(Discrepancy(path, number, "changed: the hash does not fit the line"))
                self.seq, self.prev = self.seq + (self.seq >= 0), None
                continue
            line, mark = record
            report.hashes.add(mark)
            file.first, file.last = file.first or line.time, line.time
            if isinstance(line, (Opened, Witness)) and line.writers:
                report.witnessed.setdefault(line.writers, f"{path.name}:{number}")
            if line.seq == anchor:
                self.anchored = mark
            if text := self._judge(line, present) or self._judge_opened(line, file):
                file.problems.append(Discrepancy(path, number, text))
            if line.seq > self.seq:
                self.seq, self.prev = line.seq, mark

    def _judge(self, line: Line, present: set[int]) -> str | None:
        expected = self.seq + 1 if self.seq >= 0 else line.seq
        if line.seq < expected:
            return f"reordered or repeated: seq {line.seq} after {self.seq}"
        if line.seq > expected:
            if expected in present:
                return f"reordered: seq {line.seq} where {expected} belongs"
            return f"dropped: seq {_span(expected, line.seq - 1)} before this line"
        if self.prev is not None and line.prev != self.prev:
            return "replaced: prev is not the hash of the line before, one of the two was changed and sealed anew"
        return None

    def _judge_opened(self, line: Line, file: FileReport) -> str | None:
        if not isinstance(line, Opened):
            return None
        if log_path(self.directory, line.writer, line.file) != file.path:
            return f"misplaced: this is {log_path(self.directory, line.writer, line.file).name}"
        if line.torn_bytes:
            file.notes.append(f"seq {line.seq}: {line.torn_bytes} torn bytes moved aside after a crash")
        if line.head in {"missing", "broken"}:
            return f"head {line.head} when opened here: lines before this one may have been truncated"
        return None

    def _records(self, path: Path, lines: list[bytes]) -> Iterator[tuple[Line, str] | None]:
        for number, line in enumerate(lines):
            record = self.sealer.open(line + b"\n")
            if record is None and number == 0 and not self.sealer.key and seal_of(line) == "hmac-sha256":
                raise AuditSealError(f"audit log {path}: sealed with hmac-sha256; verifying it takes AUDIT_KEY")
            yield record

    def _torn(self, file: FileReport, number: int, size: int, *, newest: bool) -> None:
        if newest:
            file.notes.append(f"line {number} torn, {size} bytes: never flushed, the next start moves them aside")
        else:
            file.problems.append(Discrepancy(file.path, number, f"changed: cut off after {size} bytes"))

    def _head(self, head: Head | str | None, report: WriterReport) -> Discrepancy | None:
        path = head_path(self.directory, self.writer)
        if head is None or head == "missing":
            if not report.files:
                path = log_path(self.directory, self.writer, 1)
                return Discrepancy(path, None, "missing, and so is all else of a writer whom the list of writers names")
            return Discrepancy(path, None, "missing: whether the log was truncated cannot be told")
        if not isinstance(head, Head):
            return Discrepancy(path, None, "changed: the hash does not fit the line")
        if head.seq > self.seq:
            lost = _span(max(self.seq, 0) + 1, head.seq)
            last = report.files[-1] if report.files else FileReport(log_path(self.directory, self.writer, 1))
            return Discrepancy(last.path, last.lines + 1, f"truncated: the head knows seq {lost}")
        if head.seq and self.anchored not in {None, head.prev}:
            return Discrepancy(path, None, f"replaced: seq {head.seq} has another hash than the head knows")
        return None


def _span(first: int, last: int) -> str:
    return f"{first} is missing" if first == last else f"{first} to {last} are missing"
