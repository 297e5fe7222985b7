"""An autoscaler as Kubernetes has it: replicas in proportion to a metric, up at once, down only after a while."""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple, Protocol

from planner.day.timetable import STEP_S

__all__ = ["Autoscaler", "ScalingRule", "Sighting"]

_TOLERANCE: Final = 0.1
_AT_ONCE: Final = 4
_STEPS_SEEN: Final = {"cpu": (1, 5), "requests": (0, 4), "in_flight": (0, 2), "tokens": (0, 2)}
"""Over which of the latest steps a metric is averaged: CPU comes late and over a minute, a queue is seen at once."""


class Sighting(NamedTuple):
    """What an autoscaler can see of a replica: how busy it is, requests a second, requests in it at a time."""

    cpu: float
    requests: float
    in_flight: float


class ScalingRule(Protocol):
    """A metric of each replica with its target, the most replicas, and how long none is removed."""

    @property
    def metric(self) -> str:
        """``none``, or a field of what is seen."""

    @property
    def target(self) -> float:
        """What each replica should have of it."""

    @property
    def max_replicas(self) -> int:
        """There are never more."""

    @property
    def stabilisation_s(self) -> float:
        """A replica is removed when none was needed for so long."""


class Autoscaler:
    """Decides how many replicas a region wants.

    Up by at most double, or four, in a step; down to the most that was wanted within the stabilisation window.
    Source: Kubernetes' Horizontal Pod Autoscaler, its algorithm and default behaviour.
    """

    def __init__(self, rule: ScalingRule, least: int) -> None:
        self._choice = rule
        self._least = least
        self._seen: deque[NamedTuple] = deque(maxlen=6)
        self._wanted: deque[int] = deque(maxlen=max(1, math.ceil(rule.stabilisation_s / STEP_S)))

    def decide(self, ready: int, wanted: int, seen: NamedTuple) -> int:
        """The replicas that are wanted from now on; ``wanted`` until now."""
        choice = self._choice
        if choice.metric == "none":
            return self._least
        self._seen.appendleft(seen)
        first, last = _STEPS_SEEN[choice.metric]
        window = list(self._seen)[first:last] or [seen]
        value = sum(getattr(each, choice.metric) for each in window) / len(window)
        ratio = value / choice.target
        asked = wanted if abs(ratio - 1) <= _TOLERANCE else math.ceil(max(ready, 1) * min(ratio, 1e6) - 1e-9)
        if ratio > 1:
            asked = max(asked, wanted)  # replicas that are starting will take their part
        asked = min(asked, max(2 * wanted, wanted + _AT_ONCE))
        asked = min(max(asked, self._least), max(choice.max_replicas, self._least))
        self._wanted.append(asked)
        return max(asked, min(max(self._wanted), wanted))
