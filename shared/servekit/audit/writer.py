"""The writer of a log: lines are chained in memory by the caller, and written by a thread.

The caller pays for encoding and hashing one line, and never waits for the disk unless ``fsync`` is ``record``.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from servekit.audit.errors import AuditBacklogError, AuditError, AuditLockedError, AuditLossError, naming
from servekit.audit.file import LogFile
from servekit.audit.line import Head, Opened, Prediction, Sealer, Witness, digest
from servekit.audit.lock import WriterLock
from servekit.audit.recovery import Resumption, resume
from servekit.audit.register import Register

if TYPE_CHECKING:
    import numpy as np

    from servekit.audit.line import Line
    from servekit.audit.settings import AuditSettings

__all__ = ["AuditLog", "AuditWatch"]

_log = logging.getLogger(__name__)
_WRITER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_WORKERS = 256


class AuditWatch(Protocol):
    """A listener to the state of a log, called from the thread that writes it."""

    def audit_waiting(self, size: int) -> None:
        """Takes note that ``size`` bytes wait for a disk that refused them; 0 once the disk has taken them."""

    def audit_head(self, writer: str, seq: int, mark: str) -> None:
        """Takes note of ``seq`` and hash (``mark``) of the last line of ``writer`` on the disk."""


class _Unwatched:
    def audit_waiting(self, _: int) -> None: ...

    def audit_head(self, *_: object) -> None: ...


class AuditLog:
    """The log of one process; safe to use from several threads. Make it after any fork.

    Args:
        settings: where and how it is kept.
        writer: the name of its files. ``None`` takes the first free one of ``worker-0``, ``worker-1``, …: how the
            workers of one server each get their own, and after a restart go on with the chains there are.

    Raises AuditLockedError when the named writer is another process, AuditSealError when the log on disk is sealed with
    another kind of seal, AuditError when the directory cannot be written.
    """

    def __init__(self, settings: AuditSettings, writer: str | None = None) -> None:
        self._settings = settings
        self._sealer = Sealer(settings.key.get_secret_value())
        self._chain, self._disk = Lock(), Lock()
        # one chunk for each file: all but the first belong to files not begun yet
        self._pending = [bytearray()]
        self._pending_bytes = 0
        self._failure: OSError | None = None
        self._watch: AuditWatch = _Unwatched()
        with naming(settings.dir):
            settings.dir.mkdir(parents=True, exist_ok=True)
            self.writer, self._held = _claim(settings, writer)
        self._path = settings.dir / self.writer
        try:
            with naming(self._path):
                self._begin(resume(settings.dir, self.writer, self._sealer))
        except BaseException:
            self._held.release()
            raise
        self._wake, self._closed = Event(), False
        self._thread = Thread(target=self._run, name=f"audit-{self.writer}", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def head(self) -> tuple[int, str]:
        """The ``seq`` and ``hash`` of the last line recorded, written or not yet."""
        with self._chain:
            return self._seq, self._prev

    def watch(self, watch: AuditWatch) -> None:
        """Reports to ``watch`` the head, now and after each write, and the bytes that wait when a write fails."""
        self._watch = watch
        watch.audit_waiting(0)
        watch.audit_head(self.writer, *self.head)

    def check(self) -> None:
        """Raises what `record` would raise now: AuditBacklogError, or AuditError once the log is closed."""
        with self._chain:
            self._check()

    def digest(self, data: bytes | np.ndarray[Any, Any]) -> str:
        """The digest of ``data``, with the log's key if it has one."""
        return digest(data, self._sealer.key)

    def record(  # noqa: PLR0913 - the members of the line, all by keyword
        self,
        *,
        request_id: str,
        model: str,
        version: str,
        input_digest: str,
        output_digest: str,
        decision: str,
        latency_s: float,
    ) -> None:
        """Adds one answer to the chain; a thread writes it soon, or before this returns with ``fsync=record``.

        Raises AuditBacklogError while the disk fails and too many lines wait (any, with ``fsync=record``), AuditError
        once the log is closed.
        """
        with self._chain:
            self._check()
            self._append(
                Prediction(
                    self._seq + 1,
                    datetime.now(UTC),
                    request_id,
                    model,
                    version,
                    input_digest,
                    output_digest,
                    decision,
                    latency_s,
                    self._prev,
                )
            )
            if self._size > self._settings.max_bytes:
                self._rotate()
            full = self._pending_bytes >= self._settings.flush_bytes
        if self._settings.fsync == "record":
            self._flush_or_refuse()
        elif full and not self._wake.is_set():
            self._wake.set()

    def flush(self) -> None:
        """Writes the waiting lines; raises OSError when the disk refuses them, and keeps them for the next try."""
        with self._disk:
            with self._chain:
                self._witness()
                chunks, self._pending, self._pending_bytes = self._pending, [bytearray()], 0
                head = Head(self._seq, datetime.now(UTC), self.writer, self._prev)
            if chunks == [b""] and self._failure is None:
                return
            try:
                self._write(chunks)
                self._file.anchor(self._sealer.seal(head)[0])
            except OSError as error:
                self._failed(chunks, head, error)
                raise
            self._watch.audit_head(self.writer, head.seq, head.prev)
            if self._failure:
                _log.warning("audit log %s: written again, no line is lost", self._path)
                self._failure = None
                self._watch.audit_waiting(0)

    def close(self) -> None:
        """Writes the waiting lines and closes the log; raises AuditLossError when some are lost; may be repeated."""
        with self._chain:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        self._wake.set()
        self._thread.join()
        try:
            self.flush()
        except OSError as error:
            raise AuditLossError(self._loss(error)) from None
        finally:
            self._file.close()
            self._held.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, end: Resumption) -> None:
        self._seq, self._prev, self._number, self._size = end.seq, end.prev, end.file, end.size
        fsync = self._settings.fsync != "never"
        self._file = LogFile(self._settings.dir, self.writer, end.file, fsync=fsync)
        # the head is there before the first line: a log without one was tampered with, not young
        if end.head == "new":
            self._file.anchor(self._sealer.seal(Head(0, datetime.now(UTC), self.writer, self._prev))[0])
        # on the list after the head and before the first line: who is on it has files, whose lines count is on it
        self._register = Register(self._settings.dir, self._sealer, fsync)
        self._writers = self._register.join(self.writer)
        self._opened("start", end.torn_bytes, end.head)
        self.flush()

    def _rotate(self) -> None:
        self._number += 1
        self._size = 0
        self._pending.append(bytearray())
        self._opened("rotation", 0, "kept")

    def _opened(
        self, reason: Literal["start", "rotation"], torn: int, head: Literal["new", "kept", "missing", "broken"]
    ) -> None:
        self._append(
            Opened(
                self._seq + 1,
                datetime.now(UTC),
                "servekit.audit/2",
                self.writer,
                self._number,
                self._sealer.name,
                os.getpid(),
                reason,
                torn,
                head,
                self._prev,
                self._writers,
            )
        )

    def _witness(self) -> None:
        """Chains who has joined since: a writer is removed unseen only with the ends of all other logs."""
        if news := self._register.news():
            self._writers = news
            self._append(Witness(self._seq + 1, datetime.now(UTC), news, self._prev))

    def _append(self, record: Line) -> None:
        line, self._prev = self._sealer.seal(record)
        self._seq += 1
        self._pending[-1] += line
        self._pending_bytes += len(line)
        self._size += len(line)

    def _check(self) -> None:
        if self._closed:
            raise AuditError(f"audit log {self._path}: closed, no more answers can be recorded")
        must_be_written = self._settings.fsync == "record" and self._failure is not None
        if must_be_written or self._pending_bytes > self._settings.backlog_bytes:
            raise AuditBacklogError(
                f"audit log {self._path}: {self._pending_bytes} bytes wait for the disk "
                f"({self._failure or 'slower than the requests'}); make room, the lines are kept"
            )

    def _flush_or_refuse(self) -> None:
        try:
            self.flush()
        except OSError:
            self.check()
            raise

    def _write(self, chunks: list[bytearray]) -> None:
        while True:
            self._file.write(chunks[0])
            self._file.sync()
            if len(chunks) == 1:
                return
            self._file.rotate()
            del chunks[0]

    def _failed(self, chunks: list[bytearray], head: Head, error: OSError) -> None:
        """Keeps what was not written, and says so once: in the log, to who watches, and in the head."""
        self._put_back(chunks)
        first, self._failure = self._failure is None, error
        # with the log's own lines missing, the count of them is what a verifier can miss them by
        with suppress(OSError):
            self._file.anchor(self._sealer.seal(head)[0])
        self._watch.audit_waiting(self._pending_bytes)
        if first:
            _log.error(
                "audit log %s: %s; %d bytes wait, no more than %d will: make room, the lines are kept",
                self._path, error.strerror or error, self._pending_bytes, self._settings.backlog_bytes,
            )  # fmt: skip

    def _loss(self, error: OSError) -> str:
        lost = sum(chunk.count(b"\n") for chunk in self._pending)
        span = (
            f"{lost} lines are lost, seq {self._seq - lost + 1} to {self._seq}" if lost else "its head is not written"
        )
        return f"audit log {self._path}: {span}: {error.strerror or error}"

    def _put_back(self, chunks: list[bytearray]) -> None:
        with self._chain:
            chunks[-1] += self._pending[0]
            self._pending = chunks + self._pending[1:]
            self._pending_bytes = sum(map(len, self._pending))

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._settings.flush_interval_s)
            self._wake.clear()
            try:
                self.flush()
            except OSError:
                # reported by flush(): the lines wait, and the next round tries again
                continue


def _claim(settings: AuditSettings, writer: str | None) -> tuple[str, WriterLock]:
    if writer is not None:
        if not _WRITER.fullmatch(writer):
            raise AuditError(f"audit writer {writer!r}: expected 1 to 64 letters, digits, _ or -")
        return writer, WriterLock(settings.dir / f"{writer}.lock")
    for number in range(_MAX_WORKERS):
        try:
            return f"worker-{number}", WriterLock(settings.dir / f"worker-{number}.lock")
        except AuditLockedError:
            continue
    raise AuditLockedError(f"audit directory {settings.dir}: all {_MAX_WORKERS} writers are taken")
