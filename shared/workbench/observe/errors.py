"""The error of every command here."""

from __future__ import annotations

__all__ = ["ObserveError"]


class ObserveError(Exception):
    """What went wrong and the remedy, as one sentence for a terminal."""
