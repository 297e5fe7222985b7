"""Simulates one replica of a language model: requests come, wait at the door, are computed step by step.

Time passes from step to step: each takes what `StepCost` says of its work. What a caller sees follows: the time to
first token (TTFT) counts from the arrival, the time per output token (TPOT) is the mean gap between the others.
"""

from __future__ import annotations

from collections import deque
from math import ceil
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from planner.tokens.scheduler import Scheduler, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Sequence as Many

    from planner.tokens.scheduler import EngineShape
    from planner.tokens.step_cost import StepCost, StepWork

__all__ = ["Door", "TokenOutcome", "TokenRequest", "Totals", "quantile", "simulate"]


class TokenRequest(NamedTuple):
    """A request: when it comes, in seconds, and the tokens of its prompt and of its answer."""

    at_s: float
    prompt: int
    output: int


class TokenOutcome(NamedTuple):
    """What became of a request; times in seconds. A refused one has infinite times."""

    request: TokenRequest
    ttft_s: float
    tpot_s: float
    ended_s: float

    def good(self, ttft_s: float, tpot_s: float) -> bool:
        """Whether it kept both limits."""
        return self.ttft_s <= ttft_s and self.tpot_s <= tpot_s


class Totals(NamedTuple):
    """A simulated run.

    Attributes:
        outcomes: of the requests, in the order in which they came.
        ended_s: when the last step ended; ``busy_s`` is how long steps were under way until then.
        steps, preemptions: counts.
        running: sequences in the engine on average over the time until the end; ``peak`` the most at once.
        kv_used: the share of the blocks in use, on average over the busy time; ``kv_peak`` the largest.
    """

    outcomes: list[TokenOutcome]
    ended_s: float
    busy_s: float
    steps: int
    preemptions: int
    running: float
    peak: int
    kv_used: float
    kv_peak: float

    @property
    def tokens_per_s(self) -> float:
        """Tokens of answers a second, from the first arrival to the end."""
        answered = [each.request for each in self.outcomes if each.ended_s < float("inf")]
        span = self.ended_s - min((each.at_s for each in answered), default=self.ended_s)
        return sum(each.output for each in answered) / span if span > 0 else 0.0

    def ttft_s(self, share: float) -> float:
        """A quantile of the time to first token."""
        return quantile([each.ttft_s for each in self.outcomes], share)

    def tpot_s(self, share: float) -> float:
        """A quantile of the time per output token, over the answers that have more than one."""
        return quantile([each.tpot_s for each in self.outcomes if each.request.output > 1], share)

    def goodput(self, ttft_s: float, tpot_s: float) -> float:
        """The share of all requests that kept both limits."""
        return sum(each.good(ttft_s, tpot_s) for each in self.outcomes) / max(len(self.outcomes), 1)


def quantile(values: Many[float], share: float) -> float:
    """The smallest of the values that at least this share of them do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered) - 1e-9) - 1)] if ordered else 0.0


class Door(NamedTuple):
    """Who is let in: the sequences in the engine may have so many tokens together, prompts and whole answers.

    Whoever comes later waits, first come, first served, or is turned away at once; one alone is always let in.

    Attributes:
        sequences: that are in the engine at once, at most; the others wait.
        queued_tokens, queued: tokens, and requests, that may be in the engine and at the door together; whoever comes
            then is turned away at once.
        patience_s: whoever has waited so long is turned away.
    """

    tokens: float = float("inf")
    refuse: bool = False
    sequences: float = float("inf")
    queued_tokens: float = float("inf")
    queued: float = float("inf")
    patience_s: float = float("inf")


def simulate(
    requests: Many[TokenRequest],
    shape: EngineShape,
    cost: StepCost,
    *,
    seed: int | None = None,
    door: Door | None = None,
) -> Totals:
    """Runs the requests through one replica until the last has its answer.

    Args:
        requests: in the order of their arrival.
        shape: the engine's sizes.
        cost: of its steps.
        seed: draws each step's time from the measured spread; without one, each takes exactly what is expected.
        door: who is let in; without one, everybody.

    Raises:
        ValueError: a request has more tokens than the cache has room for.
    """
    random = None if seed is None else Random(seed)  # noqa: S311 - a simulation, not a secret
    return _Replica(requests, Scheduler(shape), door or Door(), lambda work: _drawn(cost, work, random)).run()


def _drawn(cost: StepCost, work: StepWork, random: Random | None) -> float:
    return cost.draw(work, random) if random else cost.seconds(work)


class _Replica:
    def __init__(
        self, requests: Many[TokenRequest], scheduler: Scheduler, door: Door, took: Callable[[StepWork], float]
    ) -> None:
        self._coming, self._door = deque(enumerate(requests)), deque[tuple[int, TokenRequest]]()
        self._scheduler, self._took = scheduler, took
        self._admitted, self._inside, self._waiting = door, 0, 0
        self._under_way: dict[Sequence, tuple[int, TokenRequest]] = {}
        self._first: dict[int, float] = {}
        self._outcomes = [TokenOutcome(each, *[float("inf")] * 3) for each in requests]
        self._now = self._busy = self._area = self._kv_area = self._kv_peak = 0.0
        self._steps = self._peak = 0

    def run(self) -> Totals:
        while self._coming or self._door or self._under_way:
            if not self._under_way and not self._door:
                self._pass(max(self._coming[0][1].at_s - self._now, 0.0))
            self._enter()
            if self._under_way:
                self._step()
        span, busy = max(self._now, 1e-9), max(self._busy, 1e-9)
        return Totals(
            self._outcomes, self._now, self._busy, self._steps, self._scheduler.preemptions, self._area / span,
            self._peak, self._kv_area / busy, self._kv_peak,
        )  # fmt: skip

    def _enter(self) -> None:
        """Lets those in who have come, as far as there is room."""
        while self._coming and self._coming[0][1].at_s <= self._now:
            self._queue(*self._coming.popleft())
        while self._door:
            number, request = self._door[0]
            tokens = request.prompt + request.output
            gone = self._now - request.at_s > self._admitted.patience_s
            if not gone and not self._room(tokens):
                if not self._admitted.refuse:
                    return
                gone = True
            self._door.popleft()
            self._waiting -= tokens
            if not gone:
                self._inside += tokens
                sequence = Sequence(request.prompt, request.output)
                self._scheduler.add(sequence)
                self._under_way[sequence] = number, request

    def _room(self, tokens: int) -> bool:
        """Whether one more with so many tokens may enter the engine."""
        door = self._admitted
        return not self._inside or (self._inside + tokens <= door.tokens and len(self._under_way) < door.sequences)

    def _queue(self, number: int, request: TokenRequest) -> None:
        """Lets a request wait at the door, if it may."""
        tokens, there = request.prompt + request.output, len(self._door) + len(self._under_way)
        full = there >= self._admitted.queued or self._inside + self._waiting + tokens > self._admitted.queued_tokens
        if not full or not there:
            self._waiting += tokens
            self._door.append((number, request))

    def _step(self) -> None:
        before = self._scheduler.shape.blocks - self._scheduler.free
        work, said = self._scheduler.step()
        took = self._took(work)
        held = max(before, self._scheduler.shape.blocks - self._scheduler.free) / self._scheduler.shape.blocks
        self._peak, self._kv_peak = max(self._peak, len(self._under_way)), max(self._kv_peak, held)
        self._pass(took)
        self._busy += took
        self._kv_area += took * held
        self._steps += 1
        for sequence in said:
            self._said(sequence)

    def _said(self, sequence: Sequence) -> None:
        number, request = self._under_way[sequence]
        first = self._first.setdefault(number, self._now)
        if sequence.done:
            del self._under_way[sequence]
            self._inside -= request.prompt + request.output
            tpot = (self._now - first) / max(request.output - 1, 1)
            self._outcomes[number] = TokenOutcome(request, first - request.at_s, tpot, self._now)

    def _pass(self, seconds: float) -> None:
        self._area += seconds * len(self._under_way)
        self._now += seconds
