"""What can go wrong with an audit log, besides tampering."""

from __future__ import annotations

__all__ = ["AuditBacklogError", "AuditError", "AuditLockedError", "AuditSealError"]


class AuditError(Exception):
    """The log cannot be written or verified; the message names the file and the remedy."""


class AuditLockedError(AuditError):
    """Another process writes this file."""


class AuditSealError(AuditError):
    """The log was sealed in another way than now configured."""


class AuditBacklogError(AuditError):
    """The disk has refused lines for so long that no more are taken: what cannot be audited must not be answered."""
