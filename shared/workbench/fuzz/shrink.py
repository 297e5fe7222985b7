"""The smallest input that still causes a fault."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from workbench.fuzz.campaign import play

if TYPE_CHECKING:
    from workbench.fuzz.campaign import FoundFault
    from workbench.fuzz.surface import Case, Surface

__all__ = ["shrink"]

_TRIES: Final = 60
_LENGTH: Final = re.compile(rb"\r\ncontent-length: [0-9]+")
_SLOW: Final = frozenset({"hang", "no answer"})


async def shrink(surface: Surface, case: Case, found: FoundFault) -> bytes:
    """The smallest bytes with the same fault, by leaving out ever smaller parts; a hang is not shrunk."""
    if found.fault.what in _SLOW:
        return found.sent
    sent, tries, step = found.sent, 0, len(found.sent) // 2
    while step and tries < _TRIES:
        at = 0
        while at < len(sent) and tries < _TRIES:
            shorter, tries = _measured(sent[:at] + sent[at + step :]), tries + 1
            if await _is_same(surface, case, found, shorter):
                sent = shorter
            else:
                at += step
        step //= 2
    return sent


async def _is_same(surface: Surface, case: Case, found: FoundFault, shorter: bytes) -> bool:
    again = case._replace(pieces=[shorter], answered=False, right=())  # half a request is ended, and not waited for
    _, fault = await play(surface, again, found.url, found.number)
    return fault is not None and fault.what == found.fault.what


def _measured(sent: bytes) -> bytes:
    """With the length of the body that is left, where it states one."""
    head, blank, body = sent.partition(b"\r\n\r\n")
    return _LENGTH.sub(b"\r\ncontent-length: %d" % len(body), head) + blank + body
