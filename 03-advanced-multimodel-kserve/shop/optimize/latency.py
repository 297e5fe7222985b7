"""How long one thread on one core takes, measured so that two models can be compared.

What disturbs a machine (a neighbour, a clock that slows down) lasts longer than a model's run. So the two are measured
in turn, baseline, candidate, candidate, baseline, and each such round gives one ratio, in which a drift cancels; the
median over the rounds is the speed-up, and what the order statistics leave open is its interval.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import onnxruntime as ort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["Latencies", "alone", "measure_in_turn", "measure_pair", "run_of", "session"]


_BLOCK_NS = 4_000_000
_FEWEST_RUNS = 3


@dataclass(frozen=True)
class Latencies:
    """Medians of each round in microseconds: ``baseline_us[n]`` and ``candidate_us[n]`` are of the same round."""

    baseline_us: tuple[float, ...]
    candidate_us: tuple[float, ...]

    @property
    def baseline_median(self) -> float:
        """The median over the rounds, in microseconds."""
        return median(self.baseline_us)

    @property
    def candidate_median(self) -> float:
        """The median over the rounds, in microseconds."""
        return median(self.candidate_us)

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times faster the candidate was, in each round."""
        return tuple(old / new for old, new in zip(self.baseline_us, self.candidate_us, strict=True))


def session(content: bytes) -> ort.InferenceSession:
    """The model as the servers load it: one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run_of(model: ort.InferenceSession, rows: NDArray[Any]) -> Callable[[], Any]:
    """A function that runs the model once on these rows."""
    outputs, feed = [each.name for each in model.get_outputs()], {model.get_inputs()[0].name: rows}
    return lambda: model.run(outputs, feed)


@contextmanager
def alone() -> Iterator[None]:
    """Keeps this thread on one core, so that its caches stay its own; where the platform cannot, it wanders."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure_pair(baseline: Callable[[], Any], candidate: Callable[[], Any], rounds: int = 15) -> Latencies:
    """Measures two models in turn."""
    with alone():
        for run in (baseline, candidate):
            _block(run)
        pairs = [_round(baseline, candidate) for _ in range(rounds)]
    return Latencies(*zip(*pairs, strict=True))


def measure_in_turn(runs: Mapping[str, Callable[[], Any]], rounds: int = 6) -> dict[str, float]:
    """The median of each in microseconds; every other round goes backwards."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    with alone():
        for number in range(rounds + 1):
            for name in found if number % 2 else reversed(found):
                found[name].append(_block(runs[name]))
    return {name: median(times[1:]) for name, times in found.items()}  # the first round warms up


def _round(baseline: Callable[[], Any], candidate: Callable[[], Any]) -> tuple[float, float]:
    first, second, third, fourth = (_block(run) for run in (baseline, candidate, candidate, baseline))
    return (first + fourth) / 2, (second + third) / 2


def _block(run: Callable[[], Any]) -> float:
    """The median of as many runs as fit into a few milliseconds."""
    times: list[int] = []
    before = perf_counter_ns()
    end = before + _BLOCK_NS
    while before < end or len(times) < _FEWEST_RUNS:
        run()
        after = perf_counter_ns()
        times.append(after - before)
        before = after
    return median(times) / 1000
