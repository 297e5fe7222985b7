"""From tokens to text: a token may be half a character, and a stop string may begin in one token and end in another."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TextDecoder"]


class TextDecoder:
    """Joins the bytes of tokens to text that can be sent as it is.

    It holds back the bytes of a character that is not complete, and the beginning of what may become a stop string.
    Bytes that are no UTF-8 become U+FFFD.

    Args:
        stop: the strings before which the answer ends; none of them is part of it.

    Attributes:
        stopped: a stop string has come.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.stopped = False
        self._stop = tuple(stop)
        self._bytes = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def feed(self, token: bytes) -> str:
        """The text that this token completes; empty once a stop string has come."""
        return self._release(self._held + self._bytes.decode(token), final=False)

    def finish(self) -> str:
        """What was held back; the answer ends here."""
        return self._release(self._held + self._bytes.decode(b"", final=True), final=True)

    def _release(self, text: str, *, final: bool) -> str:
        if self.stopped:
            return ""
        found = [place for place in (text.find(each) for each in self._stop) if place >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = 0 if final else max((_begun(text, each) for each in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of the text are the beginning of a stop string."""
    most = min(len(text), len(stop) - 1)
    return next((size for size in range(most, 0, -1) if stop.startswith(text[-size:])), 0)
