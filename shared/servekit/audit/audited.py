"""The parts of a server around its audit log: readiness, metrics and closing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from servekit.audit.errors import AuditBacklogError
from servekit.errors import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servekit.audit.writer import AuditLog, AuditWatch

__all__ = ["Audited", "refused"]


class Audited:
    """The base of what writes a server's audit log; ``_audit`` is None where none is kept."""

    def __init__(self, audit: AuditLog | None) -> None:
        self._audit = audit

    def check_ready(self) -> None:
        """Raises NotReadyError while the log refuses lines."""
        if self._audit is not None:
            with refused():
                self._audit.check()

    def watch(self, watch: AuditWatch) -> None:
        """Reports the state of the audit log to ``watch``, now and after each write."""
        if self._audit is not None:
            self._audit.watch(watch)

    def close(self) -> None:
        """Writes the buffered lines and closes the log.

        Raises:
            AuditLossError: the disk did not take all lines.
        """
        if self._audit is not None:
            self._audit.close()


@contextmanager
def refused() -> Iterator[None]:
    """Turns a refused line into NotReadyError: an answer that cannot be audited is not given."""
    try:
        yield
    except AuditBacklogError as error:
        raise NotReadyError("audit log", None, str(error)) from None
