"""The smallest bytes that still bring a fault about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from servekit.fuzz.campaign import play

if TYPE_CHECKING:
    from servekit.fuzz.campaign import Found
    from servekit.fuzz.surface import Case, Surface

__all__ = ["shrink"]

_TRIES: Final = 80
_SLOW: Final = frozenset({"hang", "lost"})


async def shrink(surface: Surface, case: Case, found: Found) -> bytes:
    """Leave out ever smaller parts as long as the fault stays; what takes a whole deadline each time stays as it is."""
    sent, tries = found.sent, 0
    step = len(sent) // 2
    while step and tries < _TRIES and found.fault.what not in _SLOW:
        at = 0
        while at < len(sent) and tries < _TRIES:
            shorter, tries = sent[:at] + sent[at + step :], tries + 1
            _, fault = await play(surface, case._replace(pieces=[shorter], right=()), found.door, found.number)
            if fault and fault.what == found.fault.what:
                sent = shorter
            else:
                at += step
        step //= 2
    return sent
