"""``python -m assistant.ladder.steps``: answers eight short requests in four ways, and prints what was in each step.

It runs in the engine's environment and prints a JSON array of `Way`. The engine says who got a token in a step. A
prompt that is not cut is computed in the step that gives its first token. Which part of a cut prompt a step computed,
the engine does not say: the planner's scheduler runs beside it, and must give tokens to the same sequences in each.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from assistant.domain.wire import Said
from assistant.engine.settings import BLOCK_TOKENS, EngineSettings
from assistant.ladder.work import answer_all, make_short_work
from assistant.weights import find_weights
from planner.tokens.scheduler import EngineShape, Scheduler, Sequence

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

    from assistant.domain.wire import Accepted, EngineEvent, Finished, Generate
    from assistant.engine.batch import Batch
    from assistant.engine.batch_usage import BatchUsage

__all__ = ["SEATS", "Part", "Way"]

SEATS: Final = 4
_CHUNK: Final = 32


class Part(NamedTuple):
    """What a sequence had in a step: so many tokens of its prompt, or with 0 of these one token of its answer."""

    sequence: int
    prompt: int


class Way(msgspec.Struct, frozen=True):
    """How the requests were answered: what was in each step, and how long each took, in seconds.

    Attributes:
        static: whether a batch had to end before the next one began.
        prompts: tokens of each request's prompt.
    """

    name: str
    static: bool
    prompts: list[int]
    steps: list[list[Part]]
    seconds: list[float]

    @property
    def sequences_at_once(self) -> float:
        """Sequences in a step, on average."""
        return sum(map(len, self.steps)) / len(self.steps)


class _Recorder:
    """A batch that remembers what was in each step."""

    def __init__(self, batch: Batch, settings: EngineSettings) -> None:
        self._batch = batch
        self._scheduler = Scheduler(EngineShape(settings.kv_tokens // BLOCK_TOKENS, BLOCK_TOKENS, settings.step_tokens))
        self._chunked = settings.chunked
        self._planned: dict[int, Sequence] = {}
        self._begun: set[int] = set()
        self.prompts: dict[int, int] = {}
        self.steps: list[list[Part]] = []
        self.seconds: list[float] = []

    @property
    def busy(self) -> bool:
        return self._batch.busy

    def add(self, number: int, request: Generate) -> EngineEvent:
        self.prompts[number] = int(self._batch.tokens(request.turns).shape[1])
        self._planned[number] = sequence = Sequence(self.prompts[number], request.max_tokens)
        self._scheduler.add(sequence)
        return self._batch.add(number, request)

    def cancel(self, number: int) -> None:
        self._batch.cancel(number)

    def step(self) -> Many[tuple[int, Accepted | Said | Finished]]:
        began = time.perf_counter()
        events = self._batch.step()
        self.seconds.append(time.perf_counter() - began)
        said = sorted(number for number, event in events if isinstance(event, Said) and event.tokens)
        parts = self._cut(said) if self._chunked else [Part(each, self._whole(each)) for each in said]
        self.steps.append(parts)
        self._begun |= {*said}
        return events

    def usage(self) -> BatchUsage:
        return self._batch.usage()

    def _whole(self, number: int) -> int:
        return 0 if number in self._begun else self.prompts[number]

    def _cut(self, said: list[int]) -> list[Part]:
        """What the planner's scheduler puts into this step; raises `ValueError` where the engine did otherwise."""
        before = {number: (each.computed, each.answered) for number, each in self._planned.items()}
        _, planned = self._scheduler.step()
        if sorted(number for number, each in self._planned.items() if each in planned) != said:
            raise ValueError(f"step {len(self.steps)}: tokens for {said}: expected those of the planner's scheduler")
        grown = {number: each.computed - before[number][0] for number, each in self._planned.items()}
        return [Part(number, 0 if before[number][1] else tokens) for number, tokens in grown.items() if tokens]


def main() -> list[Way]:
    """Answers the requests in each way."""
    from assistant.engine.batch import Batch  # noqa: PLC0415 - only in the engine's environment

    whole = EngineSettings(engine="openvino", threads=1, sequences=SEATS, prefix_cache=False, chunked=False)
    cut = whole.model_copy(update={"chunked": True, "step_tokens": _CHUNK})
    weights, ways = find_weights(whole.model), []
    for settings, names in ((whole, _WHOLE), (cut, _CUT)):
        batch = Batch(weights, settings)
        list(answer_all(batch, make_short_work(), SEATS))  # the first steps compile code
        for name, seats, static in names:
            recorder = _Recorder(batch, settings)
            list(answer_all(recorder, make_short_work(), seats, static=static))
            ways.append(Way(name, static, list(recorder.prompts.values()), recorder.steps, recorder.seconds))
    return ways


_WHOLE: Final = (
    ("one after another", 1, False),
    ("static batches", SEATS, True),
    ("continuous batching", SEATS, False),
)
_CUT: Final = (("continuous batching, prompts cut", SEATS, False),)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main()))
    sys.stdout.flush()
    os._exit(0)
