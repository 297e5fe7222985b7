"""Traffic for a language model: arrivals by chance (Poisson), and prompts and answers of lognormal length."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random
from typing import TYPE_CHECKING, Annotated

import msgspec

from planner.tokens.simulation import TokenRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Lengths", "open_loop"]

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Mean tokens of prompts and answers, their coefficients of variation, and the most that either may have."""

    prompt: Positive = 180
    answer: Positive = 60
    prompt_cv: Positive = 0.5
    answer_cv: Positive = 0.6
    most_prompt: Annotated[int, msgspec.Meta(ge=1)] = 1024
    most_answer: Annotated[int, msgspec.Meta(ge=1)] = 256

    def draw(self, random: Random) -> tuple[int, int]:
        """A prompt and an answer."""
        prompt, answer = (
            _lognormal(self.prompt, self.prompt_cv, random),
            _lognormal(self.answer, self.answer_cv, random),
        )
        return min(max(round(prompt), 1), self.most_prompt), min(max(round(answer), 1), self.most_answer)


def open_loop(rate_rps: float, duration_s: float, lengths: Lengths, seed: int) -> list[TokenRequest]:
    """Requests that come at this rate for so long, whether or not those before have been answered; the same by seed."""
    random = Random(seed)  # noqa: S311 - a load pattern, not a secret
    return [TokenRequest(at_s, *lengths.draw(random)) for at_s in _arrivals(rate_rps, duration_s, random)]


def _arrivals(rate_rps: float, duration_s: float, random: Random) -> Iterator[float]:
    at_s = random.expovariate(rate_rps)
    while at_s < duration_s:
        yield at_s
        at_s += random.expovariate(rate_rps)


def _lognormal(mean: float, cv: float, random: Random) -> float:
    spread = log(1 + cv * cv)
    return exp(random.gauss(log(mean) - spread / 2, sqrt(spread)))
