"""The errors of an audit log, other than tampering."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["AuditBacklogError", "AuditError", "AuditLockedError", "AuditLossError", "AuditSealError", "naming"]


class AuditError(Exception):
    """The log cannot be written or verified; the message names the file and the remedy."""


class AuditLockedError(AuditError):
    """Another process writes this file."""


class AuditSealError(AuditError):
    """The log was sealed in another way than the one that is configured now."""


class AuditBacklogError(AuditError):
    """The disk has refused lines for so long that no more are accepted; no answer may be given without its line."""


class AuditLossError(AuditError):
    """The log was closed while the disk refused its last lines; the message says how many are lost."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raises an OSError of the enclosed code as an AuditError that names ``path``, which most OSErrors do not."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise AuditError(f"audit log {path}: {reason}; make room there, or set AUDIT_DIR") from None
