"""From 1 to 100 %: shift, wait until there is enough to judge by, judge; promote on proof, or roll back.

A step is left when nothing speaks against the candidate: a larger share is a larger risk taken, and no verdict. The
last step below 100 % is left when everything that must be proven is: at 100 % there is no stable version to compare
with. How often that is right (`shop.canary.characteristics`, seed 20261128), where a loss of 2 % of the clicks is
tolerated, 72 % of the searches end in one, and the risk is 5 %:

    | candidate | rollouts | promoted | rolled back |
    |---|---|---|---|
    | like stable | 500 | 100 % | 0 % |
    | loses 2 % of the clicks, the margin | 200 | 3 % | |
    | loses 4 %, twice the margin | 500 | 0.2 % | 99.8 % |
    | loses 10 % or 15 %, no more than 460 rated answers | 200 each | 0 % | |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from shop.canary.judge import Judgement, Policy, judge
from shop.canary.ledger import Ledger, forecast
from shop.canary.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STEPS", "Clock", "Meter", "Outcome", "Ports", "Rollout", "RolloutPlan", "Step", "TrafficSplit"]

STEPS = (1, 5, 25, 50, 100)
_ALL = 100
_FULL_SAMPLE_AT = 25
_LEAST = 10
_LOOK_S = 10.0

Verdict = Literal["forecast", "waiting", "confirming", "proving", "advance", "promoted", "rolled back", "inconclusive"]


class Meter(Protocol):
    """What the versions have answered since the last ``restart``."""

    def restart(self) -> None:
        """Counts from now on."""
        ...

    def read(self) -> Mapping[str, Reading]:
        """The reading of each version that has answered."""
        ...


class TrafficSplit(Protocol):
    """The versions that share a model's traffic."""

    def shift(self, weight: int) -> None:
        """Sends so many percent to the candidate from now on."""
        ...


class Clock(Protocol):
    """Time, as the rollout needs it."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns after so many seconds."""
        ...


@dataclass(frozen=True)
class RolloutPlan:
    """How a rollout goes.

    Args:
        stable: the version that has the traffic now.
        candidate: the version that wants it.
        steps: percentages, ascending, the first below 100.
        min_requests: answers of each version before a step of 25 % or more is judged; a smaller step needs them in
            proportion to its weight, but never fewer than 10: it risks fewer users.
        step_s: how long a step may take to gather them; while a proof is waited for, what the guardrails look at.
        patience_s: how long a proof is waited for.
        quiet_s: after so long without a single answer the rollout says that there is no traffic.
        poll_s: how often the metrics are read.
    """

    stable: str
    candidate: str
    steps: tuple[int, ...] = STEPS
    min_requests: int = 200
    step_s: float = 60.0
    patience_s: float = 3600.0
    quiet_s: float = 5.0
    poll_s: float = 1.0

    @property
    def proving(self) -> int:
        """The step at which proof is waited for."""
        return max(step for step in self.steps if step < _ALL)

    def needed(self, weight: int) -> int:
        """Answers of the candidate that a step needs."""
        return max(_LEAST, min(self.min_requests, self.min_requests * weight // _FULL_SAMPLE_AT))


@dataclass(frozen=True)
class Step:
    """Where a rollout is: shown while it goes on, logged when it decided something.

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
    """What a rollout reads and acts on: the split, the meter and the clock."""

    traffic: TrafficSplit
    meter: Meter
    clock: Clock


Outcome = Literal["promoted", "rolled back", "inconclusive"]


class Rollout:
    """Rolls a candidate out; whatever goes wrong on the way, its traffic goes back to stable first.

    Args:
        plan: the steps and their sizes.
        policy: what counts as worse.
        ports: the world, or a test's.
        tell: is shown every step as it goes on, and every decision.
    """

    def __init__(self, plan: RolloutPlan, policy: Policy, ports: Ports, tell: Callable[[Step], None]) -> None:
        self._plan, self._policy, self._tell = plan, policy, tell
        self._traffic, self._meter, self._clock = ports
        self._ledger = Ledger(policy, Reading())
        self._began = 0.0
        # at 100 % stable answers nothing: its last span of the step before is what the candidate is held against
        self._baseline = Reading()

    def run(self) -> Outcome:
        """Takes every step; returns how it ended. On any exception, Ctrl-C too, stable has all traffic again."""
        try:
            step = self._survey()
            for weight in self._plan.steps if step.verdict == "forecast" else ():
                self._tell(step)
                step = self._step(weight)
                if step.verdict != "advance":
                    break
        except BaseException:
            self._traffic.shift(0)
            raise
        if step.verdict == "advance":
            self._tell(replace(step, verdict="promoted"))
            return "promoted"
        self._traffic.shift(0)
        self._tell(step)
        return "rolled back" if step.verdict == "rolled back" else "inconclusive"

    def _survey(self) -> Step:
        """Watch stable before anything is shifted: how much it answers says what a proof will take."""
        self._meter.restart()
        began = self._clock.now()
        while True:
            self._clock.sleep(self._plan.poll_s)
            now = self._look(0, "waiting", began)
            if now.stable.answers >= self._plan.min_requests or now.elapsed_s >= self._plan.quiet_s:
                break
        if not now.stable.answers:
            return replace(now, verdict="inconclusive", reason=f"no requests in {now.elapsed_s:.0f} s")
        self._ledger = Ledger(self._policy, now.stable)
        plan = self._plan
        reason = forecast(now.stable, now.elapsed_s, plan.proving, self._policy, plan.patience_s)
        return replace(now, verdict="forecast", reason=reason)

    def _step(self, weight: int) -> Step:
        self._traffic.shift(weight)
        self._began = self._clock.now()
        step = self._span(weight, "waiting")
        while step.verdict in {"confirming", "proving"}:
            self._tell(step)
            # a stall of the machine looks like a slow version, once
            step = self._span(weight, "confirming" if step.verdict == "confirming" else "waiting")
        return step

    def _span(self, weight: int, mode: Literal["waiting", "confirming"]) -> Step:
        """Poll until there is a decision. Looks double in size, so that the looks are few and a disaster is short."""
        self._meter.restart()
        self._ledger.restart()
        began = looked = self._clock.now()
        next_look, needed = _LEAST, self._plan.needed(weight)
        while True:
            self._clock.sleep(self._plan.poll_s)
            now = self._look(weight, mode, began)
            answers = now.candidate.answers
            if answers >= next_look or self._is_due(now, looked):
                next_look, looked = 2 * round(answers) + 1, self._clock.now()
                if answers < needed:
                    next_look = min(next_look, needed)
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

    def _is_due(self, step: Step, looked: float) -> bool:
        """Whether it is time to look, however few answers there are."""
        now = self._clock.now()
        is_over = step.weight == self._plan.proving and now >= self._began + self._plan.patience_s
        return is_over or now >= looked + _LOOK_S or step.elapsed_s >= self._plan.step_s

    def _is_quiet(self, step: Step) -> bool:
        answers = step.candidate.answers + (0 if step.weight == _ALL else step.stable.answers)
        return not answers and step.elapsed_s >= self._plan.quiet_s

    def _decide(self, step: Step, needed: int, mode: Literal["waiting", "confirming"]) -> Step:
        if step.weight != _ALL:
            self._ledger.see(step.stable, step.candidate)
        judgement = judge(step.stable, step.candidate, self._policy, self._ledger.losses())
        step = replace(step, judgement=judgement)
        failed = {finding.check for finding in judgement.worse}
        if failed == {"p99"} and mode == "waiting":
            return replace(step, verdict="confirming", reason=f"{judgement.reason}: looking again")
        if failed:
            return replace(step, verdict="rolled back", reason=judgement.reason)
        if judgement.unwell:
            return replace(step, verdict="inconclusive", reason=judgement.unwell)
        if step.candidate.answers >= needed and step.stable.answers >= needed // 2:
            return self._enough(step, judgement)
        if step.elapsed_s >= self._plan.step_s:
            return replace(step, verdict="inconclusive", reason=self._too_few(step, needed))
        return step

    def _enough(self, step: Step, judgement: Judgement) -> Step:
        """Nothing speaks against the candidate: on to a larger share, where no proof is missing."""
        if step.weight == self._plan.proving and judgement.doubt:
            waited = self._clock.now() - self._began
            if waited >= self._plan.patience_s:
                return replace(step, verdict="inconclusive", reason=f"not proven in {waited:.0f} s: {judgement.doubt}")
            # the guardrails look at a new span: in a long one a sudden fault would be diluted
            over = step.verdict == "confirming" or step.elapsed_s >= self._plan.step_s
            return replace(step, verdict="proving", reason=judgement.doubt) if over else step
        self._baseline = step.stable if step.weight != _ALL else self._baseline
        reason = "proven to lose less than the margins" if step.weight == self._plan.proving else "no worse than stable"
        return replace(step, verdict="advance", reason=reason)

    def _too_few(self, step: Step, needed: int) -> str:
        found = f"{step.candidate.answers:.0f} answers of the candidate, {step.stable.answers:.0f} of stable"
        return f"{found} in {step.elapsed_s:.0f} s: expected {needed} at {step.weight}%"
