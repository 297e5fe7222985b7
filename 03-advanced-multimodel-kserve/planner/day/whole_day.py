"""The whole day of a design: every step of every region, and the seconds in which a zone was silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from planner.day.canary_release import roll_out
from planner.day.day_bill import DayMeter
from planner.day.pace import Pace
from planner.day.region_run import RegionRun, Rig
from planner.day.silence import NOTICE_S, simulate_silence
from planner.day.timetable import STEP_S, make_timetable, rates

if TYPE_CHECKING:
    from planner.calibration import Calibration
    from planner.day.canary_release import DayRollout
    from planner.day.fleet_design import FleetDesign
    from planner.day.region_run import RegionStep
    from planner.day.requirements import DayRequirements
    from planner.day.silence import Silence
    from planner.day.timetable import Timetable
    from planner.prices import InstanceType, Prices

__all__ = ["DayMoment", "DayRun", "DaySetting", "run_day"]

_SHARES: Final = ("failed", "late", "stale", "by_release")
_WARM_UP_STEPS: Final = 240
_MOVED_S: Final = 90.0
"""Until the users of a lost region are sent elsewhere: health checks, DNS, and what browsers remember."""


class DaySetting(NamedTuple):
    """What a design is judged by: its task, what was measured, what things cost, what may be rented."""

    needs: DayRequirements
    calibration: Calibration
    prices: Prices
    instances: dict[str, InstanceType]


class DayMoment(NamedTuple):
    """One step of the day: requests a second of all users, and the shares that failed, were late, were stale."""

    at_s: float
    rate_rps: float
    failed: float
    late: float
    stale: float
    by_release: float
    holds_rps: float
    regions: tuple[RegionStep, ...]

    @property
    def bad(self) -> float:
        """The share of the requests that broke the promise."""
        return self.failed + self.late + self.stale


class DayRun(NamedTuple):
    """A design's day, and what it cost."""

    moments: list[DayMoment]
    dollars: float
    events: Timetable
    rollout: DayRollout
    silence: Silence | None


def run_day(design: FleetDesign, setting: DaySetting, seed: int) -> DayRun:
    """Runs the day of a design that `planner.day.fleet_design.load_design` let through; the same for the same seed."""
    needs = setting.needs
    events = make_timetable(needs, seed)
    users = rates(needs, events, seed)
    rig = _rig(design, setting)
    rollout = roll_out(design.canary, needs.bad_release, events.release, np.sum(users, axis=0), seed)
    runs = [RegionRun(place.name, rig) for place in needs.regions[: design.regions]]
    _warm_up(runs, [float(each[0]) for each in users], events)
    moments: list[DayMoment] = []
    silence, happened = None, set[str]()
    for index in range(len(users[0])):
        now_s = float(index * STEP_S)
        if now_s >= events.loss.at_s and "loss" not in happened:
            happened.add("loss")
            silence = _lose(runs[0], moments[-1], rig, events, seed)
        if now_s >= events.cold.at_s and "cold" not in happened:
            happened.add("cold")
            for run in runs:
                run.cache.empty(now_s)
        bad_share = float(rollout.share[index])
        moments.append(_moment(now_s, [float(each[index]) for each in users], runs, bad_share, events))
        if silence and now_s < events.loss.at_s + STEP_S and "loss" in happened and "silent" not in happened:
            happened.add("silent")
            moments[-1] = _with_silence(moments[-1], silence)
    return DayRun(moments, sum(run.dollars for run in runs), events, rollout, silence)


def _warm_up(runs: list[RegionRun], users: list[float], events: Timetable) -> None:
    """The day before ends as this one begins: replicas and machines are as many as at midnight."""
    for index in range(-_WARM_UP_STEPS, 0):
        _moment(float(index * STEP_S), users, runs, 0.0, events)
    for run in runs:
        run.dollars = 0.0


def _rig(design: FleetDesign, setting: DaySetting) -> Rig:
    needs, calibration, prices, instances = setting
    meter = DayMeter(design, needs, instances[design.servers.instance], prices, calibration)
    hit_s, miss_s = (
        calibration.profile("recommendations", result).busy.cpu_us["cache"] * 1e-6 for result in ("hit", "miss")
    )
    pace = Pace(calibration, needs, design)
    return Rig(design, needs, pace, meter, calibration.cache.bytes_per_key, hit_s, miss_s)


def _lose(run: RegionRun, before: DayMoment, rig: Rig, events: Timetable, seed: int) -> Silence | None:
    """Takes a zone or all of the first region away; where a zone is silent, what the simulation says of that."""
    begin, until = before.at_s + STEP_S, events.loss.over_s
    if rig.needs.survive == "region":
        run.die(begin, until)
        return None
    silent = None
    if 1 < rig.design.zones <= before.regions[0].ready:
        silent = simulate_silence(before.regions[0], rig, seed)
    run.lose_zone(begin, until)
    return silent


def _moment(now_s: float, users: list[float], runs: list[RegionRun], bad_share: float, events: Timetable) -> DayMoment:
    alive = [not run.is_dead(now_s) for run in runs]
    own = users[: len(runs)]
    # users without a region of their own go to the first; those of a lost one stay in front of it until DNS has changed
    far = [0.0] * len(runs)
    far[0] += sum(users[len(runs) :])
    moved = now_s >= events.loss.at_s + _MOVED_S
    if not all(alive) and any(alive) and moved:
        total = sum(rate for rate, up in zip(own, alive, strict=True) if up)
        lost = sum(rate + other for rate, other, up in zip(own, far, alive, strict=True) if not up)
        far = [other + lost * rate / total if up else 0.0 for rate, other, up in zip(own, far, alive, strict=True)]
        own = [rate if up else 0.0 for rate, up in zip(own, alive, strict=True)]
    steps = []
    for run, near, other in zip(runs, own, far, strict=True):
        rate = near + other
        steps.append(run.step(now_s, rate, other / rate if rate else 0.0, bad_share))
    return _summed(now_s, steps)


def _summed(now_s: float, steps: list[RegionStep]) -> DayMoment:
    total = sum(step.rate_rps for step in steps)
    failed, late, stale, by_release = (
        sum(step.rate_rps * getattr(step, name) for step in steps) / total for name in _SHARES
    )
    return DayMoment(now_s, total, failed, late, stale, by_release, sum(step.holds_rps for step in steps), tuple(steps))


def _with_silence(moment: DayMoment, silence: Silence) -> DayMoment:
    part = NOTICE_S / STEP_S * moment.regions[0].rate_rps / moment.rate_rps
    return moment._replace(
        failed=moment.failed * (1 - part) + part * silence.failed,
        late=moment.late * (1 - part) + part * silence.late,
    )
