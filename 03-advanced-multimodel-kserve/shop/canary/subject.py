"""What a canary is of: a model that Triton serves, or the assistant. They differ in this, and share all the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from shop.canary.judge import Policy
from shop.canary.rollout import STEPS, RolloutPlan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from shop.canary.judge import Check
    from shop.canary.rollout import Meter
    from shop.serving.envoy.splits import Split
    from workbench.registry import ModelVersion

__all__ = ["GateResult", "Habits", "Subject"]


class GateResult(NamedTuple):
    """What was found before a candidate got any traffic.

    Attributes:
        passed: whether it may get some.
        reason: both versions' figures in one line.
        elapsed_s: how long it took.
        evidence: what the figures were counted from.
    """

    passed: bool
    reason: str
    elapsed_s: float
    evidence: Mapping[str, object]


@dataclass(frozen=True)
class Habits:
    """How a rollout goes unless told otherwise; the fields are `RolloutPlan`'s and `Policy`'s."""

    steps: tuple[int, ...] = STEPS
    min_requests: int = RolloutPlan.min_requests
    step_s: float = RolloutPlan.step_s
    quiet_s: float = RolloutPlan.quiet_s
    error_margin: float = Policy.error_margin
    rated: bool = True
    names: Mapping[Check, str] = field(default_factory=dict)


class Subject(Protocol):
    """Two versions of something, behind one path at the edge."""

    @property
    def habits(self) -> Habits:
        """How its rollouts go unless told otherwise."""

    def make_ready(self, split: Split, *, anew: bool) -> None:
        """Has the candidate run, in the place of another one if ``anew``; raises `CanaryError` when it does not."""

    def retire(self, candidate: str) -> None:
        """Is told that the candidate gets no traffic any more, and will get none."""

    def gate(self, split: Split) -> GateResult | None:
        """Whether the candidate may have traffic at all; None where nothing is asked beforehand."""

    def meter(self) -> Meter:
        """Counts what both versions answer."""

    def replay(self, rate_rps: float) -> AbstractContextManager[object]:
        """Has requests sent for as long as the context lasts."""

    def registered(self, version: str) -> ModelVersion | None:
        """The version in the registry; None where it is not in there. Raises `RegistryError`."""
