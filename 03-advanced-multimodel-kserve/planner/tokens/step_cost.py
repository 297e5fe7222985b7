"""What one step of the engine takes: a pass through all weights, and work for each token in it.

The first part is paid once, however many sequences are in the step, which is why batching pays: the weights are read
from memory once for all. The rest grows with the tokens, and with how much each of them looks back at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

if TYPE_CHECKING:
    from random import Random

__all__ = ["StepCost", "StepWork"]

NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class StepWork(NamedTuple):
    """What is in a step.

    Attributes:
        sequences: that are computed in it, each with one output for its last token.
        decoded: new tokens of answers, one for each sequence that is answering.
        prefilled: tokens of prompts, and of what was lost in a preemption and is computed again.
        decode_context, prefill_context: tokens that these look back at, summed over them.
    """

    sequences: int
    decoded: int
    prefilled: int
    decode_context: int
    prefill_context: int

    @property
    def tokens(self) -> int:
        """All tokens of the step."""
        return self.decoded + self.prefilled


class StepCost(msgspec.Struct, frozen=True, kw_only=True):
    """The time of a step: ``base_us`` and microseconds for each unit of its work.

    Attributes:
        decode_us: for each sequence that gets a token of its answer.
        prefill_us: for each token of a prompt.
        decode_context_us, prefill_context_us: for each token that is looked back at.
        spread: evenly spaced quantiles of measured over fitted time, with a mean of 1.
    """

    base_us: NotNegative
    decode_us: NotNegative
    prefill_us: NotNegative
    decode_context_us: NotNegative
    prefill_context_us: NotNegative
    spread: tuple[NotNegative, ...] = (1.0, 1.0)

    def seconds(self, work: StepWork) -> float:
        """The expected time of a step with this work."""
        return 1e-6 * (
            self.base_us
            + self.decode_us * work.decoded
            + self.prefill_us * work.prefilled
            + self.decode_context_us * work.decode_context
            + self.prefill_context_us * work.prefill_context
        )

    def slower(self, factor: float) -> StepCost:
        """The same on a core that gives so many times less."""
        parts = ("base_us", "decode_us", "prefill_us", "decode_context_us", "prefill_context_us")
        return msgspec.structs.replace(self, **{name: getattr(self, name) * factor for name in parts})

    def draw(self, work: StepWork, random: Random) -> float:
        """A time that such a step might have taken."""
        place = random.random() * (len(self.spread) - 1)
        below = int(place)
        ratio = self.spread[below] + (self.spread[below + 1] - self.spread[below]) * (place - below)
        return self.seconds(work) * ratio
