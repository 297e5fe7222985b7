"""A run second by second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from workbench.sla.judge import in_window
from workbench.sla.samples import percentiles_ms

if TYPE_CHECKING:
    from workbench.sla.samples import Samples

__all__ = ["Moment", "timeline"]

_BINS: Final = 60
_SHORTEST_S: Final = 0.5


class Moment(NamedTuple):
    """One slice of the run.

    Latency and errors are those of the requests meant to start in it; ``answered_rps`` counts those answered in it.
    """

    at_s: float
    offered_rps: float
    answered_rps: float
    p50_ms: float
    p99_ms: float
    errors: int


def timeline(samples: Samples, warmup_s: float, duration_s: float) -> list[Moment]:
    """The judged part of a run in at most 60 slices of half a second or more, times counted from its start."""
    count = max(1, min(_BINS, int(duration_s / _SHORTEST_S)))
    width = duration_s / count
    finished = samples[samples["outcome"] == 0]
    ends = np.sort(finished["intended_s"] + finished["latency_s"])
    return [_moment(samples, ends, warmup_s, n * width, width) for n in range(count)]


def _moment(
    samples: Samples, ends: np.typing.NDArray[np.float64], warmup_s: float, at_s: float, width: float
) -> Moment:
    start = warmup_s + at_s
    slice_ = in_window(samples, start, width)
    p50, p99 = percentiles_ms(slice_, (50.0, 99.0))
    first, last = np.searchsorted(ends, (start, start + width))
    return Moment(
        at_s=round(at_s + width / 2, 3),
        offered_rps=len(slice_) / width,
        answered_rps=float(last - first) / width,
        p50_ms=p50,
        p99_ms=p99,
        errors=int(np.count_nonzero(slice_["outcome"])),
    )
