"""Why a canary cannot go on."""

from __future__ import annotations

__all__ = ["CanaryError"]


class CanaryError(Exception):
    """What cannot be done, and the remedy, as one sentence for a terminal; stable keeps, or has, all traffic."""
