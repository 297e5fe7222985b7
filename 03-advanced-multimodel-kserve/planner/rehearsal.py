"""Rehearsals of a sized fleet in the simulation: a zone falls silent, a region's clients come over.

A hundred thousand requests a second for seconds on end would take minutes to simulate, so a slice of the fleet gets a
slice of the traffic: the same utilisation of every pod, fewer pods. Where a station has too few pods to be cut, its
requests are made a little longer or shorter instead, by at most half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from planner.arrivals import Surge
from planner.pods import ZoneLoss
from planner.simulation import FleetShape, Scenario, simulate_fleet
from planner.sizing import SHARDED, Fleet

if TYPE_CHECKING:
    from planner.request_path import Visit
    from planner.simulation import Answers

__all__ = ["RehearsalPhase", "Slice", "curve", "cut", "lose_a_region", "lose_a_zone"]

_SIMULATED_RPS: Final = 5000.0
_BEFORE_S: Final = 1.5
_NOTICE_S: Final = 1.0
_SETTLING_S: Final = 0.3
_IN_FLIGHT_S: Final = 0.1
_AFTER_S: Final = 1.5
_STRETCH: Final = 1.5
_CURVE_RPS: Final = 3000.0
_CURVE_S: Final = 2.0


class RehearsalPhase(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a rehearsal: percentiles in the simulation and, where the fleet is at rest, in closed form."""

    name: str
    requests: int
    p50_ms: float
    p99_ms: float
    failed: float
    degraded: float
    closed_form_p99_ms: float | None = None

    @property
    def difference(self) -> float | None:
        """The closed form's p99 relative to the simulation's: +0.1 is a tenth more."""
        return self.closed_form_p99_ms / self.p99_ms - 1 if self.closed_form_p99_ms is not None else None


class Slice(NamedTuple):
    """Part of a fleet: its pods, and how busy they are. The paths and the rate are those of the part."""

    fleet: Fleet
    pods: dict[str, int]
    busy: dict[str, float]

    def simulate(self, scenario: Scenario, choices: int = 2) -> Answers:
        """The answers of a simulated run of this slice."""
        shape = FleetShape(self.pods, self.fleet.zones, choices=choices)
        return simulate_fleet(self.fleet.found, shape, scenario._replace(network_s=self.fleet.network_s))

    def phase(
        self, name: str, answers: Answers, between: tuple[float, float], busy: dict[str, float] | None = None
    ) -> RehearsalPhase:
        """The figures of the requests in these seconds; in closed form too where ``busy`` is given for each station."""
        mine = (answers.at_s >= between[0]) & (answers.at_s < between[1])
        p50, p99 = answers.percentiles_ms([0.5, 0.99], between)
        return RehearsalPhase(
            name=name,
            requests=int(mine.sum()),
            p50_ms=round(p50, 3),
            p99_ms=round(p99, 3),
            failed=round(float(answers.failed[mine].mean()), 6) if mine.any() else 0.0,
            degraded=round(float(answers.degraded[mine].mean()), 6) if mine.any() else 0.0,
            closed_form_p99_ms=round(self.fleet.percentiles(busy).p99_ms, 3) if busy else None,
        )


def cut(fleet: Fleet, limit_rps: float) -> Slice:
    """A slice that is offered at most ``limit_rps``; the whole fleet where that is enough."""
    share = min(1.0, limit_rps / fleet.qps)
    pods, stretch = {}, {}
    for each in fleet.sized:
        exact = each.pods * share
        pods[each.name] = max(1, round(exact / fleet.zones)) * fleet.zones
        stretch[each.name] = min(max(pods[each.name] / exact, 1 / _STRETCH), _STRETCH)
    found = [
        each._replace(visits=_stretched(each.visits, stretch), after=_stretched(each.after, stretch))
        for each in fleet.found
    ]
    busy = {each.name: each.busy * stretch[each.name] * each.pods * share / pods[each.name] for each in fleet.sized}
    return Slice(fleet._replace(found=found, qps=fleet.qps * share), pods, busy)


def lose_a_zone(fleet: Fleet, seed: int = 1) -> list[RehearsalPhase]:
    """The phases of losing a zone: before, until it is noticed, and after; with a single zone only the first."""
    part = cut(fleet, _SIMULATED_RPS)
    noticed = _BEFORE_S + _NOTICE_S
    end = noticed + _SETTLING_S + _AFTER_S
    lost = ZoneLoss(0, _BEFORE_S, _NOTICE_S) if fleet.zones > 1 else None
    answers = part.simulate(Scenario(part.fleet.qps, end, seed=seed, lost=lost))
    before = part.phase("all zones up", answers, (0.0, _BEFORE_S - _IN_FLIGHT_S), part.busy)
    if lost is None:
        return [before]
    more = fleet.zones / (fleet.zones - 1)
    fewer = {name: busy if name in SHARDED else busy * more for name, busy in part.busy.items()}
    return [
        before,
        part.phase("a zone lost, not yet noticed", answers, (_BEFORE_S - _IN_FLIGHT_S, noticed + _SETTLING_S)),
        part.phase("a zone lost", answers, (noticed + _SETTLING_S, end), fewer),
    ]


def lose_a_region(fleet: Fleet, regions: int) -> list[RehearsalPhase]:
    """A surviving region before and after the clients of a lost one come over: only then does it get its ``qps``."""
    part = cut(fleet, _SIMULATED_RPS)
    normal = (regions - 1) / regions
    surge = Surge(_BEFORE_S, 1 / normal)
    end = _BEFORE_S + _AFTER_S
    answers = part.simulate(Scenario(part.fleet.qps * normal, end, surge=surge))
    calm = {name: busy * normal for name, busy in part.busy.items()}
    return [
        part.phase(f"{regions} regions up", answers, (0.0, _BEFORE_S), calm),
        part.phase(f"one of {regions} regions lost", answers, (_BEFORE_S, end), part.busy),
    ]


def curve(fleet: Fleet, busy: float) -> tuple[float, float]:
    """p99 in ms at a utilisation of every pod: in closed form, and in the simulation with pods chosen at random."""
    sized = []
    for each in fleet.sized:
        pods = max(1, round(each.busy * each.pods / busy))
        sized.append(each._replace(pods=pods, busy=each.busy * each.pods / pods))
    part = cut(fleet._replace(sized=sized, zones=1), _CURVE_RPS)
    answers = part.simulate(Scenario(part.fleet.qps, _CURVE_S), choices=1)
    return part.fleet.percentiles(part.busy).p99_ms, answers.percentiles_ms([0.99])[0]


def _stretched(visits: tuple[Visit, ...], stretch: dict[str, float]) -> tuple[Visit, ...]:
    return tuple(visit._replace(cpu_s=visit.cpu_s * stretch[visit.station]) for visit in visits)
