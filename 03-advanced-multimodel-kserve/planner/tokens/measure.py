"""Measures the real engine: ``python -m planner.tokens.measure ASK``, in the environment that has it.

The scheduler that the simulation uses runs beside the engine, step by step, so that it is known what is in each step;
and whether both give a token to the same sequences in the same step is counted, too. The process prints one JSON
document on its standard output, and its progress on the other.
"""

from __future__ import annotations

import resource
import sys
import time
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgspec

from planner.tokens.scheduler import EngineShape, Scheduler, Sequence
from planner.tokens.simulation import TokenRequest
from planner.tokens.step_cost import StepWork
from planner.tokens.traffic import Lengths, open_loop

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

__all__ = [
    "COUNTS",
    "QUIET",
    "MeasureAsk",
    "MeasuredEngine",
    "MeasuredRun",
    "MeasuredScenario",
    "Served",
    "TightMemory",
    "decode",
    "due_after",
]

COUNTS: Final = (1, 2, 4, 8)
_WARM_UP: Final = 2
_TIGHT_BLOCKS, _TIGHT_SEQUENCES, _ARRIVES = 12, 14, 0.25
QUIET: Final = 0.05
"""A run says little about the engine where others had its core for more than this share of its steps."""
_FIRST_IDS, _PAST_IDS = 100, 40_000  # no special token is among them
_KIB: Final = 1024


class Served(msgspec.Struct, frozen=True):
    """A request as the real engine answered it: the seconds of its first and last token, from the run's start."""

    at_s: float
    prompt: int
    output: int
    first_s: float
    ended_s: float


class MeasuredScenario(msgspec.Struct, frozen=True):
    """So many sequences at once with prompts of this length: the work, wall and processor time of each step.

    ``agreed`` says of each step whether the simulation's scheduler gave a token to the same sequences.
    """

    sequences: int
    prompt: int
    works: list[StepWork]
    wall_s: list[float]
    cpu_s: list[float]
    agreed: list[bool]


class MeasuredRun(msgspec.Struct, frozen=True):
    """Traffic that the fit has not seen; ``stolen`` is the share of its steps' time in which they had no core."""

    rate_rps: float
    served: list[Served]
    stolen: float


class MeasureAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        prompts: the lengths of the scenarios' prompts.
        rounds: of all scenarios, each answer of ``answer`` tokens.
        seconds: of traffic at each of the rates.
        tries: how often that is done at most, until nobody disturbs it.
    """

    model: str
    shape: EngineShape
    threads: int
    prompts: list[int]
    rounds: int
    answer: int
    seconds: float
    tries: int
    rates: list[float]
    lengths: Lengths


class TightMemory(msgspec.Struct, frozen=True):
    """Steps with so little memory that sequences are preempted: how many of each, and whether the schedulers agreed."""

    preemptions: int
    agreed: list[bool]


class MeasuredEngine(msgspec.Struct, frozen=True):
    """The document that this process prints."""

    version: str
    kv_bytes: int
    resident_bytes: int
    tight: TightMemory
    scenarios: list[MeasuredScenario]
    runs: list[MeasuredRun]


class _Engine:
    """OpenVINO's continuous batching, fed with random tokens and told to answer at full length."""

    def __init__(self, ask: MeasureAsk, blocks: int) -> None:
        import openvino_genai  # noqa: PLC0415 - only in the assistant's environment

        self._genai = openvino_genai
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.num_kv_blocks = blocks
        scheduler.max_num_batched_tokens = ask.shape.step_tokens
        scheduler.dynamic_split_fuse, scheduler.enable_prefix_caching = True, False
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            ask.model, scheduler, "CPU", {"INFERENCE_NUM_THREADS": ask.threads}
        )
        self._random, self._next = Random(1), 0  # noqa: S311 - tokens of a load pattern
        self._handles: dict[int, Any] = {}

    @property
    def busy(self) -> bool:
        return bool(self._pipeline.has_non_finished_requests())

    @property
    def version(self) -> str:
        return f"openvino-genai {self._genai.__version__.partition('-')[0]}"

    @property
    def kv_bytes(self) -> int:
        return int(self._pipeline.get_metrics().kv_cache_size_in_bytes)

    def add(self, prompt: int, output: int) -> int:
        import numpy as np  # noqa: PLC0415 - both come with the engine
        from openvino import Tensor  # noqa: PLC0415

        ids = Tensor(np.array([[self._random.randrange(_FIRST_IDS, _PAST_IDS) for _ in range(prompt)]], np.int64))
        config = self._genai.GenerationConfig(max_new_tokens=output, do_sample=False, ignore_eos=True)
        number, self._next = self._next, self._next + 1
        self._handles[number] = self._pipeline.add_request(number, ids, config)
        return number

    def step(self) -> tuple[float, float, list[int]]:
        """Wall and processor seconds of a step, and who got a token in it."""
        wall, cpu = time.perf_counter(), time.process_time()
        self._pipeline.step()
        took = time.perf_counter() - wall, time.process_time() - cpu
        said = [number for number, handle in self._handles.items() if handle.can_read() and handle.read()]
        return *took, said

    def forget(self, number: int) -> None:
        del self._handles[number]


def decode(document: bytes) -> MeasuredEngine:
    """The document that this process printed.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(document, type=MeasuredEngine)


def _together(engine: _Engine, ask: MeasureAsk, sequences: int, prompt: int) -> MeasuredScenario:
    """Sequences that all come at once, beside the simulation's scheduler."""
    scheduler, numbers = Scheduler(ask.shape), dict[Sequence, int]()
    for _ in range(sequences):
        sequence = Sequence(prompt, ask.answer)
        scheduler.add(sequence)
        numbers[sequence] = engine.add(prompt, ask.answer)
    found = MeasuredScenario(sequences, prompt, [], [], [], [])
    while engine.busy:
        wall, cpu, said = engine.step()
        work, simulated = scheduler.step()
        found.works.append(work)
        found.wall_s.append(wall)
        found.cpu_s.append(cpu)
        found.agreed.append(sorted(said) == sorted(numbers[each] for each in simulated))
    for number in numbers.values():
        engine.forget(number)
    return found


def _tight(ask: MeasureAsk) -> TightMemory:
    """Sequences of chance in a cache with room for few of them, beside the simulation's scheduler."""
    random = Random(1)  # noqa: S311 - a load pattern
    engine, scheduler = _Engine(ask, _TIGHT_BLOCKS), Scheduler(replace(ask.shape, blocks=_TIGHT_BLOCKS))
    coming = [Sequence(random.randrange(10, 120), random.randrange(5, 60)) for _ in range(_TIGHT_SEQUENCES)]
    numbers, agreed = dict[Sequence, int](), list[bool]()
    while coming or engine.busy:
        if coming and (random.random() < _ARRIVES or not engine.busy):
            sequence = coming.pop()
            scheduler.add(sequence)
            numbers[sequence] = engine.add(sequence.prompt, sequence.output)
        *_, said = engine.step()
        _, simulated = scheduler.step()
        agreed.append(sorted(said) == sorted(numbers[each] for each in simulated))
    return TightMemory(scheduler.preemptions, agreed)


def _serve(engine: _Engine, rate_rps: float, requests: Many[TokenRequest]) -> MeasuredRun:
    """Open loop: each request is added when its time has come, between two steps."""
    coming, under_way = list(reversed(requests)), dict[int, tuple[TokenRequest, list[float]]]()
    served, in_steps, on_core, start = list[Served](), 0.0, 0.0, time.perf_counter()
    while coming or under_way:
        while coming and coming[-1].at_s <= time.perf_counter() - start:
            request = coming.pop()
            under_way[engine.add(request.prompt, request.output)] = request, []
        if not under_way:
            time.sleep(max(coming[-1].at_s - (time.perf_counter() - start), 0.0))
            continue
        wall, cpu, said = engine.step()
        now, in_steps, on_core = time.perf_counter() - start, in_steps + wall, on_core + cpu
        for number in said:
            request, stamps = under_way[number]
            stamps.append(now)
            if len(stamps) == request.output:
                engine.forget(number)
                del under_way[number]
                served.append(Served(*request, stamps[0], now))
    return MeasuredRun(rate_rps, sorted(served, key=lambda each: each.at_s), max(0.0, 1 - on_core / in_steps))


def _survey(engine: _Engine, ask: MeasureAsk) -> MeasuredEngine:
    """Rounds with the held-out traffic between them, so that both meet the same machine."""
    scenarios, runs = list[MeasuredScenario](), list[MeasuredRun]()
    order = [(count, prompt) for prompt in ask.prompts for count in COUNTS]
    for number in range(ask.rounds):
        _say(f"round {number + 1}: {len(order)} scenarios of {COUNTS[0]} to {COUNTS[-1]} sequences")
        # in every second round backwards: a slow spell takes a little from each
        for count, prompt in order if number % 2 == 0 else reversed(order):
            scenarios.append(_together(engine, ask, count, prompt))
        runs += [_quietest(engine, ask, seed) for seed in due_after(number + 1, ask)]
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    return MeasuredEngine(engine.version, engine.kv_bytes, resident, _tight(ask), scenarios, runs)


def due_after(number: int, ask: MeasureAsk) -> list[int]:
    """Whose turn it is after a round, both counted from 1: one rate after each, and what is left after the last."""
    return [seed for seed in range(1, len(ask.rates) + 1) if min(seed, ask.rounds) == number]


def _quietest(engine: _Engine, ask: MeasureAsk, seed: int) -> MeasuredRun:
    """The traffic of a rate, until other programs leave the engine its core; where they never do, the quietest."""
    runs, rate = list[MeasuredRun](), ask.rates[seed - 1]
    requests = open_loop(rate, ask.seconds, ask.lengths, seed)
    while len(runs) < ask.tries and (not runs or runs[-1].stolen > QUIET):
        _say(f"held out: {rate:g} requests/s for {ask.seconds:g} s")
        runs.append(_serve(engine, rate, requests))
    return min(runs, key=lambda run: run.stolen)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(ask: MeasureAsk) -> None:
    """Measures, and prints the document."""
    engine = _Engine(ask, ask.shape.blocks)
    for prompt in ask.prompts * _WARM_UP:
        _together(engine, ask, COUNTS[-1], prompt)  # the first steps compile code
    sys.stdout.buffer.write(msgspec.json.encode(_survey(engine, ask)))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(msgspec.json.decode(sys.argv[1], type=MeasureAsk))
