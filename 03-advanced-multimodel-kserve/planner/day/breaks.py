"""What broke, when, and why: the explanation of one step of the day, from what the region had then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from planner.day.timetable import clock

if TYPE_CHECKING:
    from planner.day.fleet_design import FleetDesign
    from planner.day.region_run import RegionStep
    from planner.day.requirements import DayRequirements
    from planner.day.timetable import EventWindow
    from planner.day.whole_day import DayMoment, DayRun

__all__ = ["DayBreak", "first_break", "worst_break"]

_MANY_FAILED: Final = 0.005
_MANY_LATE: Final = 0.02
_CROWDED: Final = 0.75
_DURING: Final = {
    "bad release": "during the release", "loss": "after the loss", "cold cache": "after the cache was emptied",
    "spike": "in the spike",
}  # fmt: skip


class DayBreak(msgspec.Struct, frozen=True, kw_only=True):
    """A moment in which the promise was broken: the time of day, what happened, why, and what to try."""

    at: str
    what: str
    why: str
    remedy: str


def first_break(day: DayRun, design: FleetDesign, needs: DayRequirements) -> DayBreak | None:
    """The first step in which more than 0.5 % failed, or more than 2 % were late or too old, if any."""
    for moment in day.moments:
        if moment.failed > _MANY_FAILED or moment.late + moment.stale > _MANY_LATE:
            return _explained(moment, day, design, needs)
    return None


def worst_break(
    day: DayRun, design: FleetDesign, needs: DayRequirements, event: EventWindow | None, fields: tuple[str, ...]
) -> DayBreak:
    """The step of an event, or of the time outside all events, with most requests of which a field is true."""
    mine = [each for each in day.moments if (each.at_s in event if event else day.events.at(each.at_s) is None)]
    worst = max(mine, key=lambda each: each.rate_rps * sum(float(getattr(each, name)) for name in fields))
    return _explained(worst, day, design, needs)


def _explained(moment: DayMoment, day: DayRun, design: FleetDesign, needs: DayRequirements) -> DayBreak:
    event = day.events.at(moment.at_s)
    step = max(moment.regions, key=lambda each: each.rate_rps * (each.failed + each.late + each.stale))
    why, remedy = _cause(step, event, design, needs)
    parts = [
        f"{share:.1%} {words}"
        for share, words in ((moment.failed, "failed"), (moment.late, "were late"), (moment.stale, "were too old"))
        if share >= 0.0005  # noqa: PLR2004 - what would be shown as 0.0 %
    ]
    what = f"of {moment.rate_rps:,.0f} requests/s {' and '.join(parts) or 'a few failed'}"
    when = f", {_DURING[event.name]}" if event else ""
    return DayBreak(at=clock(moment.at_s) + when, what=what, why=why, remedy=remedy)


def _cause(step: RegionStep, event: EventWindow | None, design: FleetDesign, needs: DayRequirements) -> tuple[str, str]:
    bad = needs.bad_release
    if step.dead:
        return _gone(step, design, needs)
    if step.bad_share * bad.errors > max(step.load.refused, step.late + step.stale):
        return (
            f"a bad version got {step.bad_share:.0%} of the traffic, and {bad.errors:.0%} of its answers are errors",
            "let canary.steps begin small, and give each enough minutes to see a dozen errors",
        )
    if step.bypassed > 0 and step.bypassed > step.load.refused:
        return (
            f"the cache's nodes were too busy for {step.bypassed:.0%} of the look-ups",
            "raise cache.nodes: each does about 8,000 misses or 25,000 hits a second",
        )
    if step.load.refused > 0 or not step.ready:
        return _overload(step, event, design, needs)
    if step.stale > step.late:
        return (
            f"answers live {design.cache.lifetime_s:g} s in the cache, and may be {needs.fresh_s:g} s old",
            "lower cache.lifetime_s",
        )
    return _late(step, design, needs)


def _gone(step: RegionStep, design: FleetDesign, needs: DayRequirements) -> tuple[str, str]:
    if design.regions == 1:
        if design.zones == 1:
            return f"the only zone of {step.name} was gone, and with it everything", "use more zones"
        return f"{step.name}, the only region, was gone", "serve a second region"
    why = f"{step.name} was gone, and users stayed with it until DNS sent them elsewhere"
    if needs.survive == "region":
        return why, "nothing here can avoid these 90 s; what counts is that the other regions hold the traffic then"
    return why, "use more zones in each region"


def _overload(
    step: RegionStep, event: EventWindow | None, design: FleetDesign, needs: DayRequirements
) -> tuple[str, str]:
    """Why the replicas were too few, and what would have helped."""
    scaling = design.autoscaling
    replicas = f"{step.ready} ready replica{'' if step.ready == 1 else 's'} in {step.name}"
    holds = f"{'holds' if step.ready == 1 else 'hold'} {step.holds_rps:,.0f}/s"
    why = f"{step.rate_rps:,.0f} requests/s met {replicas}, which {holds}"
    if step.lost_zone:
        why += "; those of the lost zone were missing"
    if event and event.name == "cold cache":
        why += f"; only {_hit(step, needs):.0%} came from the cache"
    if step.starting:
        why += f"; {step.starting} more were starting, which takes {needs.start_s:g} s"
    if scaling.metric == "none":
        return f"{why}; nothing adds replicas", "set autoscaling.metric, or raise servers.replicas"
    if step.ready + step.starting >= scaling.max_replicas:
        return f"{why}; max_replicas is {scaling.max_replicas}", "raise autoscaling.max_replicas"
    if step.lost_zone:
        return why, "leave more room in the zones that remain: lower autoscaling.target, or raise servers.replicas"
    if event and event.name == "spike":
        return (
            why,
            "lower autoscaling.target or raise servers.replicas: room must be there before; in_flight sees it soonest",
        )
    if event and event.name == "cold cache" and scaling.metric == "requests":
        return f"{why}; the requests did not grow, only their cost", "scale on cpu or in_flight, or leave more room"
    return why, "lower autoscaling.target, or raise servers.replicas"


def _hit(step: RegionStep, needs: DayRequirements) -> float:
    return sum(model.share * hit for model, hit in zip(needs.models, step.hits, strict=False))


def _late(step: RegionStep, design: FleetDesign, needs: DayRequirements) -> tuple[str, str]:
    load = step.load
    if load.late_far > 10 * max(load.late_near, 0.001) and step.late > load.late_near:
        return (
            f"users of another region are served in {step.name}, {needs.between_ms:g} ms away",
            "serve more regions",
        )
    if load.busy >= _CROWDED:
        return (
            f"the cores in {step.name} were {load.busy:.0%} busy, so requests queued: p99 {load.p99_ms:.3g} ms",
            "lower autoscaling.target, add replicas, or give each more cores (they share a queue)",
        )
    if design.batch.size > 1:
        return (
            f"p99 was {load.p99_ms:.3g} ms though the cores were {load.busy:.0%} busy: requests waited for their batch",
            "lower batch.delay_ms or batch.size",
        )
    return (
        f"p99 was {load.p99_ms:.3g} ms with the cores {load.busy:.0%} busy",
        "give each replica more cores, or add replicas",
    )
