"""What a server that keeps an audit log does about it, besides writing its lines."""

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
    """Answers that are audited, where there is a log; ``_audit`` is for those who write its lines."""

    def __init__(self, audit: AuditLog | None) -> None:
        self._audit = audit

    def check_ready(self) -> None:
        """Raises NotReadyError while a line would be refused."""
        if self._audit is not None:
            with refused():
                self._audit.check()

    def watch(self, watch: AuditWatch) -> None:
        """Has ``watch`` told how the audit log is doing."""
        if self._audit is not None:
            self._audit.watch(watch)

    def close(self) -> None:
        """Writes out what is buffered.

        Raises:
            AuditLossError: the disk did not take it all.
        """
        if self._audit is not None:
            self._audit.close()


@contextmanager
def refused() -> Iterator[None]:
    """A line that is refused is a server that is not ready: what cannot be audited is not answered."""
    try:
        yield
    except AuditBacklogError as error:
        raise NotReadyError("audit log", None, str(error)) from None
