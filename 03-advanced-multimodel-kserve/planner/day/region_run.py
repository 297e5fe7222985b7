"""One region during the day: its replicas, its cache, its autoscaler, from step to step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from planner.day.answer_cache import AnswerCache
from planner.day.autoscaler import Autoscaler, Sighting
from planner.day.pace import Load
from planner.day.timetable import STEP_S

if TYPE_CHECKING:
    from planner.day.day_bill import DayMeter
    from planner.day.fleet_design import FleetDesign
    from planner.day.pace import Pace
    from planner.day.requirements import DayRequirements

__all__ = ["RegionRun", "RegionStep", "Rig"]

_EVICTED_S: Final = 300.0
"""Kubernetes replaces the pods of a node that is gone after five minutes."""
_NEW_SHARD_S: Final = 120.0
_CACHE_FULL: Final = 0.9
_NOTHING: Final = Load(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class RegionStep(NamedTuple):
    """One region in one step; the shares are of its requests.

    ``bypassed`` is the share of look-ups that the cache's nodes were too busy for, ``bad_share`` what a bad version
    got, ``by_release`` the share that failed because of it.
    """

    name: str
    rate_rps: float
    ready: int
    starting: int
    ready_at_s: float
    hits: tuple[float, ...]
    load: Load
    bypassed: float
    bad_share: float
    failed: float
    late: float
    stale: float
    by_release: float
    holds_rps: float
    lost_zone: bool
    dead: bool


class Rig(NamedTuple):
    """What all regions of a design have in common: it, its task, how fast it is, and what it costs.

    ``answer_bytes`` is the memory of an answer in the cache; a look-up takes a cache node ``hit_s`` when it finds an
    answer, ``miss_s`` when it does not and the answer is put there later.
    """

    design: FleetDesign
    needs: DayRequirements
    pace: Pace
    meter: DayMeter
    answer_bytes: float
    hit_s: float
    miss_s: float


class RegionRun:
    """The state of one region."""

    def __init__(self, name: str, rig: Rig) -> None:
        self.name, self.dollars = name, 0.0
        self._design, self._needs, self._pace, self._meter = rig[:4]
        self._hit_s, self._miss_s = rig.hit_s, rig.miss_s
        self.cache = AnswerCache(rig.design.cache, rig.needs, rig.answer_bytes)
        self._scaler = Autoscaler(rig.design.autoscaling, rig.design.servers.replicas)
        self._ready = self._wanted = rig.design.servers.replicas
        self._starting: list[tuple[float, int]] = []
        self._lost_zone_until_s = self._dead_until_s = self._blocked_until_s = -math.inf

    def lose_zone(self, now_s: float, until_s: float) -> None:
        """The fullest zone is gone: its replicas, and its part of a cache without copies."""
        zones = self._design.zones
        if zones == 1:
            self.die(now_s, until_s)
            return
        self._ready -= -(-self._ready // zones)
        self._lost_zone_until_s, self._blocked_until_s = until_s, now_s + _EVICTED_S
        if self._design.cache.copies == 1:
            self.cache.empty(now_s, 1 / zones, _NEW_SHARD_S)

    def die(self, now_s: float, until_s: float) -> None:
        """The whole region is gone until then, and its cache is empty afterwards."""
        self._dead_until_s = until_s
        self.cache.empty(max(now_s, until_s))

    def is_dead(self, now_s: float) -> bool:
        """Whether nothing here answers now."""
        return now_s < self._dead_until_s

    def step(self, now_s: float, rate_rps: float, far: float, bad_share: float) -> RegionStep:
        """Serves one step's requests, of which the share ``far`` comes from another region's users."""
        if self.is_dead(now_s):
            return self._answered(rate_rps, (), _NOTHING, now_s, failed=1.0)
        self._start(now_s)
        hits, bypassed = self._hits(rate_rps, now_s)
        bad = self._needs.bad_release
        slower = 1 + bad_share * (bad.slower - 1)
        load = self._pace.load(rate_rps / self._ready, hits, slower) if self._ready else _NOTHING
        failed = load.refused + (1 - load.refused) * bad_share * bad.errors if self._ready else 1.0
        late = (1 - failed) * ((1 - far) * load.late_near + far * load.late_far)
        found = self._answered(
            rate_rps, hits, load, now_s, failed=failed, late=late, bypassed=bypassed, bad_share=bad_share
        )
        self._scale(now_s, rate_rps, load)
        self.dollars += self._meter.dollars(self._ready + self._coming, rate_rps, STEP_S)
        return found

    @property
    def _coming(self) -> int:
        return sum(count for _, count in self._starting)

    def _start(self, now_s: float) -> None:
        self._ready += sum(count for at_s, count in self._starting if at_s <= now_s)
        self._starting = [(at_s, count) for at_s, count in self._starting if at_s > now_s]

    def _hits(self, rate_rps: float, now_s: float) -> tuple[tuple[float, ...], float]:
        """The hit ratios, and the share of look-ups that finds no free cache node."""
        hits = self.cache.hits(rate_rps, now_s)
        if self.cache.none:
            return hits, 0.0
        work_s = sum(
            model.share * (hit * self._hit_s + (1 - hit) * self._miss_s)
            for model, hit in zip(self._needs.models, hits, strict=True)
            if model.keys
        )
        busy = rate_rps * work_s * self._design.cache.copies / self._design.cache.nodes
        bypassed = max(0.0, 1 - _CACHE_FULL / busy) if busy > 0 else 0.0
        return tuple(hit * (1 - bypassed) for hit in hits), bypassed

    def _scale(self, now_s: float, rate_rps: float, load: Load) -> None:
        ready = max(self._ready, 1)
        seen = Sighting(load.busy if self._ready else 1.0, rate_rps / ready, load.in_flight)
        before, self._wanted = self._wanted, self._scaler.decide(self._ready, self._wanted, seen)
        have = self._ready + self._coming
        if self._wanted > have:
            # until the pods of a lost zone are given up, only what is wanted on top of them is started
            missing = self._wanted - (max(before, have) if now_s < self._blocked_until_s else have)
            if missing > 0:
                self._starting.append((now_s + self._needs.start_s, missing))
        elif self._wanted < have:
            self._remove(have - self._wanted)

    def _remove(self, count: int) -> None:
        """Takes replicas away: first those that are starting, the latest first; one that is ready stays."""
        left = count
        for at_s, starting in reversed(self._starting):
            gone = min(left, starting)
            left -= gone
            self._starting.remove((at_s, starting))
            if starting > gone:
                self._starting.append((at_s, starting - gone))
            if not left:
                break
        self._starting.sort()
        self._ready -= min(left, max(self._ready - 1, 0))

    def _answered(  # noqa: PLR0913 - a step is its parts
        self, rate_rps: float, hits: tuple[float, ...], load: Load, now_s: float, *, failed: float, late: float = 0.0,
        bypassed: float = 0.0, bad_share: float = 0.0,
    ) -> RegionStep:  # fmt: skip
        fresh, lifetime = self._needs.fresh_s, self._design.cache.lifetime_s
        hit = sum(model.share * share for model, share in zip(self._needs.models, hits, strict=False))
        return RegionStep(
            name=self.name,
            rate_rps=rate_rps,
            ready=self._ready if hits else 0,
            starting=self._coming,
            ready_at_s=min((at_s for at_s, _ in self._starting), default=0.0),
            hits=hits,
            load=load,
            bypassed=bypassed,
            bad_share=bad_share,
            failed=failed,
            late=late,
            stale=(1 - failed - late) * hit * max(0.0, 1 - fresh / lifetime),
            by_release=self._by_release(load, bad_share),
            holds_rps=self._ready * self._pace.most_rps(hits) if hits else 0.0,
            lost_zone=now_s < self._lost_zone_until_s,
            dead=not hits,
        )

    def _by_release(self, load: Load, bad_share: float) -> float:
        """The bad version's errors, and what was refused because it is slow."""
        bad = self._needs.bad_release
        slow = load.refused if bad_share and bad.slower > 1 else 0.0
        return slow + (1 - load.refused) * bad_share * bad.errors
