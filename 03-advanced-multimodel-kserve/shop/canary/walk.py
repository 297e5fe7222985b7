"""From 1 to 100 %: shift, wait until there is enough to judge by, judge; promote or roll back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from shop.canary.judge import Judgement, Policy, judge
from shop.canary.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STEPS", "Clock", "Meter", "Outcome", "Plan", "Ports", "Step", "Traffic", "Walk"]

STEPS = (1, 5, 25, 50, 100)
_ALL = 100
_FULL_SAMPLE_AT = 25
_LEAST = 10

Verdict = Literal["waiting", "confirming", "advance", "promoted", "rolled back", "inconclusive"]


class Meter(Protocol):
    """What the versions have answered since the last ``restart``."""

    def restart(self) -> None:
        """Count from now on."""
        ...

    def read(self) -> Mapping[str, Reading]:
        """Each version's reading."""
        ...


class Traffic(Protocol):
    """Where a model's traffic goes."""

    def shift(self, weight: int) -> None:
        """Send so many percent to the candidate, from now on."""
        ...


class Clock(Protocol):
    """Time, as the walk needs it."""

    def now(self) -> float:
        """Seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True)
class Plan:
    """How a walk goes.

    Args:
        stable: the version that has the traffic now.
        candidate: the version that wants it.
        steps: percentages, ascending.
        min_requests: answers of each version before a step of 25 % or more is judged; a smaller step needs them in
            proportion to its weight, but never fewer than 10: it risks fewer users.
        step_s: how long a step may take to gather them.
        quiet_s: after so long without a single answer the walk says that there is no traffic.
        poll_s: how often the metrics are read.
    """

    stable: str
    candidate: str
    steps: tuple[int, ...] = STEPS
    min_requests: int = 200
    step_s: float = 60.0
    quiet_s: float = 5.0
    poll_s: float = 1.0

    def needed(self, weight: int) -> int:
        """Answers of the candidate that a step needs."""
        return max(_LEAST, min(self.min_requests, self.min_requests * weight // _FULL_SAMPLE_AT))


@dataclass(frozen=True)
class Step:
    """Where a walk is: shown while it goes on, written down when it decided something.

    ``judgement`` is None until there was something to judge.
    """

    weight: int
    verdict: Verdict
    reason: str
    stable: Reading
    candidate: Reading
    elapsed_s: float
    judgement: Judgement | None = None


class Ports(NamedTuple):
    """What a walk acts on."""

    traffic: Traffic
    meter: Meter
    clock: Clock


Outcome = Literal["promoted", "rolled back", "inconclusive"]


class Walk:
    """Walks a candidate up; whatever goes wrong on the way, its traffic goes back to stable first.

    Args:
        plan: the steps and their sizes.
        policy: what counts as worse.
        ports: the world, or a test's.
        tell: is shown every step as it goes on, and every decision.
    """

    def __init__(self, plan: Plan, policy: Policy, ports: Ports, tell: Callable[[Step], None]) -> None:
        self._plan, self._policy, self._tell = plan, policy, tell
        self._traffic, self._meter, self._clock = ports
        # at 100 % stable answers nothing: its last span of the step before is what the candidate is held against
        self._baseline = Reading()

    def run(self) -> Outcome:
        """Walk every step; returns how it ended. On any exception, Ctrl-C too, stable has all traffic again."""
        try:
            for weight in self._plan.steps:
                step = self._step(weight)
                if step.verdict != "advance":
                    self._traffic.shift(0)
                    self._tell(step)
                    return "rolled back" if step.verdict == "rolled back" else "inconclusive"
                last = weight == self._plan.steps[-1]
                self._tell(replace(step, verdict="promoted") if last else step)
        except BaseException:
            self._traffic.shift(0)
            raise
        return "promoted"

    def _step(self, weight: int) -> Step:
        self._traffic.shift(weight)
        self._meter.restart()
        step = self._span(weight, "waiting")
        if step.verdict == "confirming":
            # a stall of the machine looks like a slow version, once
            self._tell(step)
            self._meter.restart()
            step = self._span(weight, "confirming")
        return step

    def _span(self, weight: int, mode: Literal["waiting", "confirming"]) -> Step:
        """Poll until there is a decision. Looks double in size, so that the looks are few and a disaster is short."""
        began, next_look = self._clock.now(), _LEAST
        needed = self._plan.needed(weight)
        while True:
            self._clock.sleep(self._plan.poll_s)
            now = self._look(weight, mode, began)
            if now.candidate.answers >= min(next_look, needed) or now.elapsed_s >= self._plan.step_s:
                next_look = 2 * round(now.candidate.answers) + 1
                decided = self._decide(now, needed, mode)
                if decided.verdict != mode:
                    return decided
                now = decided
            elif self._is_quiet(now):
                return replace(now, verdict="inconclusive", reason=f"no requests in {now.elapsed_s:.0f} s")
            self._tell(now)

    def _look(self, weight: int, mode: Literal["waiting", "confirming"], began: float) -> Step:
        read = self._meter.read()
        stable = read.get(self._plan.stable, Reading())
        candidate = read.get(self._plan.candidate, Reading())
        if weight == _ALL:
            stable = self._baseline
        return Step(weight, mode, "", stable, candidate, self._clock.now() - began)

    def _is_quiet(self, step: Step) -> bool:
        answers = step.candidate.answers + (0 if step.weight == _ALL else step.stable.answers)
        return not answers and step.elapsed_s >= self._plan.quiet_s

    def _decide(self, step: Step, needed: int, mode: Literal["waiting", "confirming"]) -> Step:
        judgement = judge(step.stable, step.candidate, self._policy)
        step = replace(step, judgement=judgement)
        failed = {finding.check for finding in judgement.worse}
        enough = step.candidate.answers >= needed and step.stable.answers >= needed // 2
        if failed == {"p99"} and mode == "waiting":
            return replace(step, verdict="confirming", reason=f"{judgement.reason}: looking again")
        if failed:
            return replace(step, verdict="rolled back", reason=judgement.reason)
        if judgement.unwell:
            return replace(step, verdict="inconclusive", reason=judgement.unwell)
        if enough:
            self._baseline = step.stable if step.weight != _ALL else self._baseline
            return replace(step, verdict="advance", reason="no worse than stable")
        if step.elapsed_s >= self._plan.step_s:
            return replace(step, verdict="inconclusive", reason=self._too_few(step, needed))
        return step

    def _too_few(self, step: Step, needed: int) -> str:
        found = f"{step.candidate.answers:.0f} answers of the candidate, {step.stable.answers:.0f} of stable"
        return f"{found} in {step.elapsed_s:.0f} s: expected {needed} at {step.weight}%"
