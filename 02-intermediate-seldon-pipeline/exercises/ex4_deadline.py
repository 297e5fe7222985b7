"""Exercise 4 · A failure with a name.

A router calls a step that may be gone, hang or refuse. Write `ask(name, call, limit_s)`. It awaits `call()` and returns
(status, text):

    the step's answer                          →  (200, the answer)
    it raises Refused(status, info)            →  (status, "step model: <info>")
    it cannot be reached: any OSError          →  (503, "step model: <the error>: try again")
    no answer within limit_s seconds           →  (504, "step model: no answer within 150 ms")

for a step called "model". When the time is up, cancel the call; do not leave it running. Any other exception is a
bug of yours or of the step's author: let it through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Refused(Exception):  # noqa: N818 - the step's word for it
    """What a step raises that does not want to answer."""

    def __init__(self, status: int, info: str) -> None:
        super().__init__(status, info)
        self.status = status
        self.info = info


async def ask(name: str, call: Callable[[], Awaitable[str]], limit_s: float) -> tuple[int, str]:
    """The status and the text that the client gets."""
    raise NotImplementedError
