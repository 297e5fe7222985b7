"""What was offered in a window, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from workbench.load import Answer

__all__ = ["Answered", "Offered"]

_OK, _SHED, _SERVER_ERROR = 200, 429, 500
_STATUSES = 100
"""Below it is no HTTP status but a `workbench.load.Failure`."""

_DEGRADED = b"\r\nx-degraded: "
"""In the head of a fallback's answer; the edge writes names of headers in lower case."""


class Answered(NamedTuple):
    """One request, as in `workbench.load.Answer`; ``degraded`` when a fallback gave the answer."""

    at_s: float
    lag_s: float
    latency_s: float
    status: int
    degraded: bool = False

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """The record of an answer: its time, duration and status."""
        return cls(answer.at_s, answer.lag_s, answer.latency_s, answer.status, _DEGRADED in answer.head)

    @property
    def failed(self) -> bool:
        """Whether the status is 500 or above, or there was no answer at all."""
        return self.status >= _SERVER_ERROR or self.status < _STATUSES


@dataclass(frozen=True)
class Offered:
    """Everything that was offered in a window, and what became of it."""

    rate_rps: float
    seconds: float
    answers: Sequence[Answered]
    generator_cpu: float

    def goodput_rps(self, limit_s: float) -> float:
        """Answers per second that a model gave, and in time."""
        good = (each.status == _OK and not each.degraded and each.latency_s <= limit_s for each in self.answers)
        return sum(good) / self.seconds

    def between(self, begin_s: float, end_s: float) -> Offered:
        """What was offered in a part of the window; ``rate_rps`` is then how many a second that was."""
        answers = [each for each in self.answers if begin_s <= each.at_s < end_s]
        return Offered(len(answers) / (end_s - begin_s), end_s - begin_s, answers, self.generator_cpu)

    @property
    def accepted_p99_s(self) -> float:
        """The p99 of the accepted answers, in seconds; 0 when there were none."""
        accepted = [each.latency_s for each in self.answers if each.status == _OK]
        return float(np.percentile(accepted, 99)) if accepted else 0.0

    def accepted_ms(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
        """Of each answer that was given the milliseconds, and in which second of the window it was asked for."""
        accepted = [(each.latency_s * 1e3, each.at_s) for each in self.answers if each.status == _OK]
        latencies, at_s = np.array(accepted or np.empty((0, 2)), float).T
        return latencies, (at_s - at_s.min(initial=np.inf)).astype(np.intp)

    @property
    def lag_p99_s(self) -> float:
        """The p99 of the seconds by which the generator itself sent late."""
        return float(np.percentile([each.lag_s for each in self.answers], 99)) if self.answers else 0.0

    @property
    def shed(self) -> int:
        """How many requests were turned away with 429."""
        return self.count(_SHED)

    @property
    def failed(self) -> int:
        """How many answers were 500 or above, and requests without an answer."""
        return sum(each.failed for each in self.answers)

    @property
    def degraded(self) -> int:
        """How many answers a fallback gave."""
        return sum(each.degraded for each in self.answers)

    def count(self, status: int) -> int:
        """How many answers have this status."""
        return sum(each.status == status for each in self.answers)
