"""What can be said without a simulation: how many sequences fit, how many requests, how fast a token, how many inside.

Four facts, which the simulation is tested against. The cache's blocks bound how many sequences fit. A step has room for
so many tokens, so each request pays its share of the steps' base at least. A step takes a fixed part and a part for
each token; in the long run the latter is a share ``load`` of all time, so steps that follow one another take
``base / (1 - load)`` on average. And Little's law: what is inside is the rate times the time that one stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from planner.tokens.model import blocks_of
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from planner.tokens.scheduler import EngineShape
    from planner.tokens.step_cost import StepCost

__all__ = ["Exchange", "most_rate", "most_sequences", "running", "step_s", "work_s"]


class Exchange(NamedTuple):
    """A request and its answer, in tokens."""

    prompt: float
    output: float


def most_sequences(shape: EngineShape, prompt: int, output: int) -> int:
    """How many sequences of this length the cache holds at once, each at its longest."""
    return shape.blocks // blocks_of(prompt + output - 1, shape.block_tokens)


def work_s(cost: StepCost, of: Exchange) -> float:
    """Seconds that one request adds to the steps it is in: all of the cost but the base."""
    prompt, decoded = of.prompt, of.output - 1  # the prompt's last step gives the first token
    looked_back = decoded * (prompt + of.output / 2)
    prefill_us = prompt * cost.prefill_us + prompt * prompt / 2 * cost.prefill_context_us
    return (prefill_us + decoded * cost.decode_us + looked_back * cost.decode_context_us) * 1e-6


def most_rate(cost: StepCost, of: Exchange, step_tokens: int) -> float:
    """Requests a second that no batch can exceed: then every step is full, and its base is shared by all its tokens."""
    return 1 / (work_s(cost, of) + (of.prompt + of.output) / step_tokens * cost.base_us * 1e-6)


def step_s(cost: StepCost, of: Exchange, rate: float) -> float:
    """The mean time of a step at this rate, where one follows the other.

    Raises:
        InvalidValueError: the rate is more than even a step without end can do.
    """
    load = rate * work_s(cost, of)
    if not 0 <= load < 1:
        raise InvalidValueError("rate", rate, f"expected below {1 / work_s(cost, of):.3g} requests/s")
    return cost.base_us * 1e-6 / (1 - load)


def running(cost: StepCost, of: Exchange, rate: float) -> float:
    """Sequences that are answered at once at this rate: the rate times the steps of an answer (Little's law)."""
    return rate * of.output * step_s(cost, of, rate)
