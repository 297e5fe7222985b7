"""The file of measurements that a plan for the assistant is computed from: the cost of a step, and how good it is."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from planner.calibration import Comparison
from planner.tokens.fit import MeasuredStep, fit_cost
from planner.tokens.model import KvFormat, ModelShape
from planner.tokens.scheduler import EngineShape
from planner.tokens.simulation import TokenRequest, Totals, quantile, simulate
from planner.tokens.step_cost import StepCost
from servekit.errors import InvalidValueError
from workbench.hardware import HardwareStamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.tokens.measure import MeasuredEngine, MeasuredRun, MeasuredScenario

__all__ = ["REFERENCE", "HeldOutRate", "StepPoint", "TokenCalibration", "compare", "fit_measured", "load", "points"]

REFERENCE: Final = Path(__file__).with_name("reference.json")
"""The calibration that is shipped, so that a plan can be made before anybody has measured."""
_SEEDS: Final = range(1, 10)

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class StepPoint(msgspec.Struct, frozen=True, kw_only=True):
    """So many sequences of one length at once: the median step of their answers and of their prompts, in milliseconds.

    Attributes:
        decode_ms, fitted_ms: measured and as the fit has it; ``prefill_ms`` of steps full of prompts, 0 without any.
        tokens_per_s: of all answers together, while as many as possible are answered and no prompt waits.
    """

    sequences: int
    prompt: int
    decode_ms: float
    fitted_ms: float
    prefill_ms: float
    tokens_per_s: float


class HeldOutRate(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic that the fit has not seen, as the engine answered it and as the simulation says.

    ``stolen`` is the share of the engine's steps in which other programs had its core: the simulation is told it.
    """

    rate_rps: float
    requests: int
    stolen: Share
    comparisons: list[Comparison]


class TokenCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """The document in ``.run/3/assistant-calibration.json`` and in ``reference.json``.

    Attributes:
        kv: how the engine keeps keys and values; ``kv_bytes_per_token`` is what it says itself that a token takes.
        process_bytes: memory of the engine's process beside its weights and its cache.
        agreed: the share of steps in which the simulation's scheduler gave tokens to the same sequences; in some of
            them memory was so tight that sequences were preempted, ``preemptions`` times in all.
    """

    schema: Literal[1] = 1
    engine: str
    model: ModelShape
    kv: KvFormat
    shape: EngineShape
    threads: Annotated[int, msgspec.Meta(ge=1)]
    kv_bytes_per_token: float
    process_bytes: Annotated[float, msgspec.Meta(ge=0)]
    agreed: Share
    preemptions: Annotated[int, msgspec.Meta(ge=0)] = 0
    cost: StepCost
    points: list[StepPoint]
    held_out: list[HeldOutRate]
    hardware: HardwareStamp
    date: str
    command: str
    note: str = ""

    def memory_bytes(self, kv_tokens: int) -> float:
        """Memory of one replica whose cache has room for so many tokens."""
        return self.model.memory_bytes(kv_tokens, self.kv) + self.process_bytes


def load(paths: Sequence[Path]) -> tuple[TokenCalibration, Path]:
    """The calibration in the first of these files that exists, and which file that was.

    Raises:
        InvalidValueError: none exists, or the file is not a calibration of this schema.
    """
    for path in paths:
        if path.exists():
            try:
                return msgspec.json.decode(path.read_bytes(), type=TokenCalibration), path
            except msgspec.DecodeError as problem:
                remedy = "run make calibrate-assistant, which writes it"
                raise InvalidValueError("calibration", str(path), f"{problem}: {remedy}") from None
    shown = ", ".join(map(str, paths))
    raise InvalidValueError("calibration", None, f"expected one of {shown}: run make calibrate-assistant")


def fit_measured(measured: MeasuredEngine) -> StepCost:
    """The cost of a step, from the processor time of each: of a step's repetitions in all rounds, the median.

    The same step comes in every round, so whatever slowed one of them down falls away. Of the wall time, what other
    programs took is left out: that belongs to the machine, and the comparison adds it again.

    Raises:
        InvalidValueError: there are too few steps.
    """
    return fit_cost([step for same in _alike(measured).values() for step in _median_steps(same)])


def points(measured: MeasuredEngine, cost: StepCost) -> list[StepPoint]:
    """What was measured, for people; the median over the rounds."""
    return [_point(same, cost) for same in _alike(measured).values()]


def compare(run: MeasuredRun, shape: EngineShape, cost: StepCost) -> HeldOutRate:
    """The simulation of the very same requests beside what the engine did: the median of nine seeds."""
    served = run.served
    requests = [TokenRequest(each.at_s, each.prompt, each.output) for each in served]
    slower = 1 / (1 - run.stolen)
    runs = [simulate(requests, shape, cost.slower(slower), seed=seed) for seed in _SEEDS]
    span = max(each.ended_s for each in served) - served[0].at_s
    first = [each.first_s - each.at_s for each in served]
    gaps = [(each.ended_s - each.first_s) / (each.output - 1) for each in served if each.output > 1]
    measured = {
        "tokens a second": sum(each.output for each in served) / span,
        "first token p50, ms": quantile(first, 0.5) * 1e3,
        "first token p99, ms": quantile(first, 0.99) * 1e3,
        "per token p50, ms": quantile(gaps, 0.5) * 1e3,
    }
    simulated = [list(_figures(each)) for each in runs]
    comparisons = [
        Comparison(figure=name, measured=round(value, 2), simulated=round(median(each[place] for each in simulated), 2))
        for place, (name, value) in enumerate(measured.items())
    ]
    return HeldOutRate(
        rate_rps=run.rate_rps, requests=len(served), stolen=round(run.stolen, 4), comparisons=comparisons
    )


def _figures(totals: Totals) -> Iterator[float]:
    yield totals.tokens_per_s
    yield totals.ttft_s(0.5) * 1e3
    yield totals.ttft_s(0.99) * 1e3
    yield totals.tpot_s(0.5) * 1e3


def _alike(measured: MeasuredEngine) -> dict[tuple[int, int], list[MeasuredScenario]]:
    found: dict[tuple[int, int], list[MeasuredScenario]] = {}
    for each in measured.scenarios:
        found.setdefault((each.sequences, each.prompt), []).append(each)
    return {key: found[key] for key in sorted(found, key=lambda key: key[::-1])}


def _median_steps(same: list[MeasuredScenario]) -> Iterator[MeasuredStep]:
    for work, *times in zip(same[0].works, *(each.cpu_s for each in same), strict=True):
        yield MeasuredStep(work, median(times))


def _point(same: list[MeasuredScenario], cost: StepCost) -> StepPoint:
    steps = list(_median_steps(same))
    most = max(each.work.decoded for each in steps if not each.work.prefilled)
    decode = [each for each in steps if each.work.decoded == most and not each.work.prefilled]
    prefill = [each.seconds for each in steps if not each.work.decoded]
    took = median(each.seconds for each in decode)
    return StepPoint(
        sequences=same[0].sequences,
        prompt=same[0].prompt,
        decode_ms=round(took * 1e3, 2),
        fitted_ms=round(median(cost.seconds(each.work) for each in decode) * 1e3, 2),
        prefill_ms=round(median(prefill) * 1e3, 2) if prefill else 0.0,
        tokens_per_s=round(most / took, 1),
    )
