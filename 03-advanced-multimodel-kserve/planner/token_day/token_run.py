"""The whole day of a designed assistant: replicas come and go, questions are answered, refused, asked again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from planner.day.autoscaler import Autoscaler
from planner.day.timetable import STEP_S
from planner.token_day.replica_table import designed_replica, table_of
from planner.token_day.token_design import fit_of
from planner.token_day.token_release import release
from planner.token_day.token_times import questions, token_times

if TYPE_CHECKING:
    from planner.day.canary_release import DayRollout
    from planner.prices import InstanceType, Prices
    from planner.token_day.replica_table import DesignedReplica, ReplicaState
    from planner.token_day.token_design import BudgetChoice, TokenDesign
    from planner.token_day.token_needs import TokenNeeds
    from planner.token_day.token_times import TokenTimes
    from planner.tokens.calibration import TokenCalibration

__all__ = ["TokenMoment", "TokenRun", "TokenSetting", "TokenSighting", "run_token_day"]

_WARM_UP_STEPS: Final = 120
_MINUTE_S: Final = 60.0


class TokenSetting(NamedTuple):
    """What a design is judged by: its task, what was measured, what things cost, what may be rented."""

    needs: TokenNeeds
    calibration: TokenCalibration
    prices: Prices
    instances: dict[str, InstanceType]


class TokenMoment(NamedTuple):
    """One step of the day: shoppers' questions a second, the shares of them that failed, were late, slow or spoilt.

    Attributes:
        failed: no answer in the end: turned away at the door, over their key's budget, or sent to a machine that was
            gone; ``over_budget`` and ``gone`` are the parts of it that the latter two are.
        asked_again: requests a second, besides; ``abuse_rps`` of the one client that its budget lets in.
        each_rps: what one ready replica gets, of all these, and ``state`` what it does then.
    """

    at_s: float
    rate_rps: float
    failed: float
    late: float
    slow: float
    by_release: float
    over_budget: float
    gone: float
    asked_again: float
    abuse_rps: float
    each_rps: float
    state: ReplicaState
    ready: int
    starting: int
    holds_rps: float

    @property
    def bad(self) -> float:
        """The share of the questions that broke the promise."""
        return self.failed + self.late + self.slow


class TokenSighting(NamedTuple):
    """What an autoscaler can see of a replica: how busy its core is, requests a second, tokens in it."""

    cpu: float
    requests: float
    tokens: float


class TokenRun(NamedTuple):
    """A design's day, and what it cost."""

    moments: list[TokenMoment]
    dollars: float
    events: TokenTimes
    rollout: DayRollout


def run_token_day(design: TokenDesign, setting: TokenSetting, seed: int) -> TokenRun:
    """Runs the day of a design that `planner.token_day.token_design` let through; the same for the same seed."""
    needs = setting.needs
    times = token_times(needs, seed)
    rates = questions(needs, times, seed)
    spoilt, rollout = release(design.canary, needs, times, rates, seed)
    run = _Run(design, setting, times)
    for index in range(-_WARM_UP_STEPS, 0):
        run.step(float(index * STEP_S), float(rates[0]), 0.0)
    run.dollars = 0.0
    moments = [
        run.step(float(index * STEP_S), float(rate), float(share))
        for index, (rate, share) in enumerate(zip(rates, spoilt, strict=True))
    ]
    return TokenRun(moments, run.dollars, times, rollout)


class _Replicas:
    """Those that answer, those that start, and the machines below them."""

    def __init__(self, design: TokenDesign, needs: TokenNeeds, fit: int) -> None:
        self._scaler = Autoscaler(design.autoscaling, design.servers.replicas)
        self._start_s, self._moved_s, self._fit = needs.start_s, needs.moved_s, fit
        self.ready = self._wanted = design.servers.replicas
        self._starting: list[tuple[float, int]] = []

    @property
    def starting(self) -> int:
        return sum(count for _, count in self._starting)

    @property
    def machines(self) -> int:
        return math.ceil((self.ready + self.starting) / self._fit)

    def begin(self, now_s: float) -> None:
        """Lets those answer that have started by now."""
        self.ready += sum(count for at_s, count in self._starting if at_s <= now_s)
        self._starting = [each for each in self._starting if each[0] > now_s]

    def lose_machine(self, now_s: float) -> int:
        """Takes a full machine away; its replicas start elsewhere after a while. Returns how many they were."""
        lost = min(self._fit, self.ready)
        self.ready -= lost
        self._starting.append((now_s + self._moved_s + self._start_s, lost))
        return lost

    def scale(self, now_s: float, seen: TokenSighting) -> None:
        """Does what the autoscaler wants."""
        wanted = self._scaler.decide(self.ready, self._wanted, seen)
        if wanted > self._wanted:
            self._starting.append((now_s + self._start_s, wanted - self._wanted))
        else:
            self.ready -= min(self._wanted - wanted, self.ready)
        self._wanted = wanted


class _Run:
    def __init__(self, design: TokenDesign, setting: TokenSetting, times: TokenTimes) -> None:
        self._design, self._needs, self._times = design, setting.needs, times
        machine = setting.instances[design.servers.instance]
        self._replicas = _Replicas(design, setting.needs, fit_of(design.engine, machine, setting.calibration))
        self._alone = designed_replica(design, setting.needs, setting.calibration)
        self._per_hour, self._fixed = machine.per_hour, setting.prices.cluster.per_hour
        self._again: list[list[float]] = [[] for _ in range(design.retries.attempts)]
        self._long: DesignedReplica | None = None
        self._lost, self._before = 0, 0
        self.dollars = 0.0

    def step(self, now_s: float, rate: float, spoilt: float) -> TokenMoment:
        """The next step: who comes, what the replicas do, who fails, what the autoscaler wants."""
        needs, replicas = self._needs, self._replicas
        replicas.begin(now_s)
        abuse = self._abuse() if self._times.abuse.at_s <= now_s < self._times.abuse.over_s else 0.0
        if self._times.loss.at_s <= now_s < self._times.loss.at_s + STEP_S:
            self._before = replicas.ready
            self._lost = replicas.lose_machine(now_s)
        silent = self._times.loss.at_s <= now_s < self._times.loss.at_s + needs.notice_s
        gone = self._lost / max(self._before, 1) if silent else 0.0
        over = _over_budget(self._design.budget, needs, rate)
        coming = rate * (1 - over)
        again = [self._due(number) for number in range(len(self._again))]
        table = table_of(self._mix(abuse, coming))
        each = (coming + sum(again) + abuse) / max(replicas.ready, 1)
        state = table.at(each)
        if not replicas.ready:
            state = state._replace(failed=1.0, late=0.0, slow=0.0)
        failed, late = self._outcome(coming, again, state, gone)
        moment = TokenMoment(
            now_s, rate, over + failed / rate, late / rate, coming * state.slow * (1 - gone) / rate,
            spoilt, over, gone * coming / rate, sum(again),
            abuse, each, state, replicas.ready, replicas.starting,
            table.holds_rps * replicas.ready,
        )  # fmt: skip
        hourly = replicas.machines * self._per_hour + self._fixed
        self.dollars += hourly * STEP_S / 3600
        replicas.scale(now_s, TokenSighting(state.cpu, each, state.tokens))
        return moment

    def _outcome(self, coming: float, again: list[float], state: ReplicaState, gone: float) -> tuple[float, float]:
        """Questions a second that fail in the end and that are answered late; the others that failed come again.

        One that met a machine that is gone knows at once, and may meet another. Whoever was turned away has waited
        already, and waits again as long as the client does: an answer is late then in any case.
        """
        attempts = self._design.retries.attempts
        never = gone ** (attempts + 1)
        lost, failed = coming * never, 0.0
        late = coming * (1 - never) * state.late
        for number, requests in enumerate([coming * (1 - never), *again]):
            refused = requests * state.failed
            if number < attempts:
                self._ask_again(number, refused)
            else:
                failed += refused
            if number:
                late += requests - refused
        return lost + failed, late

    def _ask_again(self, number: int, rate: float) -> None:
        """Spreads them over the steps from now until twice the time that clients wait on average (jitter)."""
        steps = max(1, round(2 * self._design.retries.backoff_s / STEP_S))
        line = self._again[number]
        line.extend([0.0] * (steps + 1 - len(line)))
        for place in range(1, steps + 1):
            line[place] += rate / steps

    def _due(self, number: int) -> float:
        line = self._again[number]
        return line.pop(0) if line else 0.0

    def _abuse(self) -> float:
        """Requests a second of the one client that its key's budget lets in."""
        abuse, budget = self._needs.abuse, self._design.budget
        if budget.by == "none":
            return abuse.rps
        each = 1.0 if budget.by == "requests" else float(abuse.prompt + abuse.answer)
        return min(abuse.rps, budget.per_minute / _MINUTE_S / each)

    def _mix(self, abuse: float, coming: float) -> DesignedReplica:
        """The replica with its traffic; the long requests' share is that of the first moment: one table is enough."""
        if not abuse:
            return self._alone
        self._long = self._long or self._alone._replace(
            long=(self._needs.abuse.prompt, self._needs.abuse.answer, abuse / (abuse + coming))
        )
        return self._long


def _over_budget(budget: BudgetChoice, needs: TokenNeeds, rate: float) -> float:
    """The share of honest questions that are more than their keys may ask."""
    if budget.by == "none":
        return 0.0
    shoppers = needs.shoppers
    each = 1.0 if budget.by == "requests" else shoppers.tokens
    may = budget.per_minute / _MINUTE_S / each
    other = (1 - shoppers.largest_key) / (shoppers.keys - 1)
    over = max(rate * shoppers.largest_key - may, 0.0) + (shoppers.keys - 1) * max(rate * other - may, 0.0)
    return over / rate
