"""``python -m assistant.ladder.rung SPEC``: runs the work once in the way of one rung, in the engine's environment.

The specification is a JSON object: ``settings`` of the engine, and ``static``, whether a batch must have ended before
the next one begins. It prints a JSON object with what was measured.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from assistant.domain.wire import Generate, Said, Turn
from assistant.engine.settings import EngineSettings
from assistant.ladder.measured import RungFigures, Spec
from assistant.ladder.work import answer_all, make_work
from assistant.weights import find_weights

if TYPE_CHECKING:
    from typing import Any

    from assistant.engine.server import Steps

__all__ = ["run_work"]


def run_work(batch: Steps, spec: Spec, sequences: int) -> RungFigures:
    """Runs the work on a batch that is warm."""
    work = make_work(spec.requests)
    began, cpu = time.perf_counter(), time.process_time()
    seen: dict[int, list[float]] = {request.id: [] for request in work}
    counts = dict.fromkeys(seen, 0)
    for events in answer_all(batch, work, sequences, static=spec.static):
        for number, event in events:
            if isinstance(event, Said):
                seen[number].append(time.perf_counter() - began)
                counts[number] += event.tokens
    per_token = [(each[-1] - each[0]) / (counts[number] - 1) for number, each in seen.items() if counts[number] > 1]
    return RungFigures(
        sum(counts.values()),
        time.perf_counter() - began,
        [each[0] for each in seen.values() if each],
        per_token,
        time.process_time() - cpu,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _warm(batch: Steps, settings: EngineSettings) -> None:
    """As a server that has answered before: code is compiled, and a prefix cache has what all prompts begin with."""
    prompts = [[Turn("user", "hello " * words)] for words in (1, settings.step_tokens)]
    if settings.prefix_cache:
        prompts.append(make_work(1)[0].turns)
    for turns in prompts:
        batch.add(-1, Generate(0, turns, 4))
        while batch.busy:
            batch.step()


def _make(settings: EngineSettings) -> Any:
    weights = find_weights(settings.model)
    if settings.engine == "openvino":
        from assistant.engine.batch import Batch  # noqa: PLC0415 - only the library that runs is imported

        return Batch(weights, settings)
    from assistant.engine.llama_slots import Slots  # noqa: PLC0415 - likewise

    return Slots(weights, settings)


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.argv[1], type=Spec)
    chosen = EngineSettings(**asked.settings)  # type: ignore[arg-type]  # pydantic checks them
    ready = _make(chosen)
    _warm(ready, chosen)
    sys.stdout.write(msgspec.json.encode(run_work(ready, asked, chosen.sequences)).decode() + "\n")
    sys.stdout.flush()
    os._exit(0)  # llama.cpp's threads cannot be ended in an orderly way
