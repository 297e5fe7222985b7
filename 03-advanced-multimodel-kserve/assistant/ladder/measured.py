"""What a rung is and what is measured of it: the words that the command and the rung's own process share."""

from __future__ import annotations

import msgspec

from assistant.ladder.work import REQUESTS

__all__ = ["RungFigures", "Spec"]


class Spec(msgspec.Struct, frozen=True):
    """A way to run the work.

    Attributes:
        settings: the engine's.
        static: whether a batch must have ended before the next one begins.
        requests: how many of the work's.
    """

    settings: dict[str, str | int | bool]
    static: bool = False
    requests: int = REQUESTS


class RungFigures(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        tokens: of all answers.
        seconds: until the last of them.
        first_s: of each request, until its first token.
        per_token_s: of each answer with two tokens or more, the mean time of a token after the first.
        cpu_s: processor time, without loading.
        peak_bytes: the most memory that the process had.
    """

    tokens: int
    seconds: float
    first_s: list[float]
    per_token_s: list[float]
    cpu_s: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Tokens a second, of all answers together."""
        return self.tokens / self.seconds
