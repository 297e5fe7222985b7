"""How busy a replica is at a rate, and which share of its answers is late, from the calibration's work and times.

A replica is one queue before its cores: edge, gateway and models of one request are one piece of work on one of them.
Batches: of a model's work a part is the same however many requests it computes at once. That part was measured by
`make delays-3` (shop/serving/adr-dynamic-batching.md: under load, batching brought 113 % more recommendations, 31 %
more searches, no more payments a second).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from planner.distribution import Grid, ServiceTime
from planner.queueing import erlang_c
from planner.request_path import RequestPath, Visit, request_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.calibration import Calibration, Profile
    from planner.day.fleet_design import FleetDesign
    from planner.day.requirements import DayRequirements, ServedModel

__all__ = ["FULL", "Load", "Pace"]

Floats = npt.NDArray[np.float64]

FULL: Final = 0.98
"""How busy a replica gets at most: the edge refuses what would come on top (HTTP 429)."""
_NETWORK_S: Final = 0.0005
"""A hop in a zone or between zones; the same assumption as in ``make plan-3``."""
_OVERHEAD: Final = {"recommendations": 0.566, "search": 0.252, "payments": 0.0}
"""The part of a model's work that a batch does once, see above: 1 - 1/gain, over 16 requests in flight."""
_BUSY: Final = np.array([0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.68, 0.74, 0.8, 0.85, 0.89, 0.92, 0.95, FULL])
_HIT_STEPS: Final = 10
_PASSES: Final = 3


class Load(NamedTuple):
    """A replica under a rate.

    Attributes:
        busy: share of its cores' time, at most `FULL`.
        refused: share of the requests that is turned away.
        late_near, late_far: share of the answers that is late, for users of this region and of another one.
        p99_ms: of the answers, for users of this region.
        in_flight: requests in it at a time.
    """

    busy: float
    refused: float
    late_near: float
    late_far: float
    p99_ms: float
    in_flight: float


class _Late(NamedTuple):
    near: float
    far: float
    p99_s: float
    mean_s: float


class _Kind:
    """One model's requests with one result: seconds of CPU at every utilisation, on the way and in all."""

    def __init__(self, profile: Profile, model: ServedModel, busy: Floats) -> None:
        paths = [request_path(profile, float(utilisation)) for utilisation in busy]
        work, way = (np.array([_seconds(part(path)) for path in paths]) for part in (_all, lambda path: path.visits))
        self.model_s = work[:, 1] * model.work
        self.other_s = work[:, 0]
        self.way_s = way[:, 0] + way[:, 1] * model.work
        self.scv = paths[0].visits[0].scv / len(paths[0].visits)
        self.stores_s = float(way[:, 2].mean())
        self.delay_s = paths[0].delay_s
        self.once = _OVERHEAD[model.like]


class Pace:
    """Replicas of one design under any rate and any hit ratio; each state is worked out once.

    Args:
        calibration: work and times of each kind of request.
        needs: the models, the promise.
        design: cores of a replica, batches.
    """

    def __init__(self, calibration: Calibration, needs: DayRequirements, design: FleetDesign) -> None:
        self._needs, self._batch, self._cores = needs, design.batch, design.servers.cores
        self._share = [model.share for model in needs.models]
        self._kinds = [
            {result: _Kind(_profile(calibration, model, result), model, _BUSY) for result in ("hit", "miss")}
            for model in needs.models
        ]
        self._rates: dict[tuple[object, ...], Floats] = {}
        self._late: dict[tuple[object, ...], _Late] = {}

    def load(self, rate_rps: float, hits: tuple[float, ...], slower: float = 1.0) -> Load:
        """A replica at this rate; ``slower`` says how many times as long the models take on average."""
        held = self._held(hits, slower)
        busy = float(np.interp(rate_rps, held, _BUSY, left=_BUSY[0] * rate_rps / held[0]))
        refused = max(0.0, 1 - float(held[-1]) / rate_rps) if rate_rps > 0 else 0.0
        right = min(int(np.searchsorted(_BUSY, busy)), len(_BUSY) - 1)
        left = max(right - 1, 0)
        weight = min(max((busy - _BUSY[left]) / (_BUSY[right] - _BUSY[left]), 0.0), 1.0) if right else 0.0
        low, high = (self._lateness(index, hits, slower) for index in (left, right))
        near, far, p99_s, mean_s = (one + weight * (other - one) for one, other in zip(low, high, strict=True))
        inside = min(rate_rps, float(held[-1])) * mean_s
        return Load(
            busy, refused, float(near), float(far), float(p99_s) * 1e3, float(inside if not refused else 3 * inside)
        )

    def most_rps(self, hits: tuple[float, ...], slower: float = 1.0) -> float:
        """The rate at which a replica begins to refuse."""
        return float(self._held(hits, slower)[-1])

    def paths(self, hits: tuple[float, ...], busy: float) -> list[RequestPath]:
        """The paths of requests through one station called ``server``, for the simulation request by request."""
        index = int(np.argmin(np.abs(_BUSY - busy)))
        batches = self._solve(hits, 1.0)[1][index]
        return [
            RequestPath(
                model.name, result, share,
                (Visit("server", self._work(kind, result, index, batches[place]), kind.scv),), (),
                tuple(value + kind.stores_s + 3 * _NETWORK_S for value in kind.delay_s),
            )
            for place, model, result, kind, share in self._mix(hits)
        ]  # fmt: skip

    def _mix(self, hits: tuple[float, ...]) -> Iterator[tuple[int, ServedModel, str, _Kind, float]]:
        for place, (model, kinds) in enumerate(zip(self._needs.models, self._kinds, strict=True)):
            for result, part in (("hit", hits[place]), ("miss", 1 - hits[place])):
                if part > 0:
                    yield place, model, result, kinds[result], model.share * part

    def _work(self, kind: _Kind, result: str, index: int, batch: float, slower: float = 1.0) -> float:
        """Seconds of a core for one request, when so many share an execution of the model."""
        model_s = kind.model_s[index] * slower * (1 - kind.once + kind.once / batch) if result == "miss" else 0.0
        return float(kind.other_s[index] + model_s)

    def _held(self, hits: tuple[float, ...], slower: float) -> Floats:
        """The rate that a replica holds at each utilisation."""
        key = (*(round(hit, 2) for hit in hits), round(slower, 2))
        if key not in self._rates:
            self._rates[key] = self._solve(key[:-1], key[-1])[0]
        return self._rates[key]

    def _solve(self, hits: tuple[float, ...], slower: float) -> tuple[Floats, Floats]:
        """The rate at each utilisation, and the mean batch of each model there; each depends on the other."""
        waiting = np.array([erlang_c(self._cores, u * self._cores) * u / (1 - u) for u in _BUSY])
        batches = np.ones((len(_BUSY), len(self._kinds)))
        rate = np.zeros(len(_BUSY))
        for _ in range(_PASSES):
            work = np.array([
                sum(share * self._work(kind, result, index, batches[index, place], slower)
                    for place, _, result, kind, share in self._mix(hits))
                for index in range(len(_BUSY))
            ])  # fmt: skip
            rate = _BUSY * self._cores / work
            for place, model in enumerate(self._needs.models):
                misses = model.share * (1 - hits[place])
                together = 1 + misses * (rate * self._batch.delay_ms * 1e-3 + waiting)
                batches[:, place] = np.minimum(self._batch.size, together)
        return rate, batches

    def _lateness(self, index: int, hits: tuple[float, ...], slower: float) -> _Late:
        coarse = tuple(round(hit * _HIT_STEPS) / _HIT_STEPS for hit in hits)
        key = (index, *coarse, round(slower, 1))
        if key not in self._late:
            self._late[key] = self._waited(index, coarse, slower)
        return self._late[key]

    def _waited(self, index: int, hits: tuple[float, ...], slower: float) -> _Late:
        rate, batches = self._solve(hits, slower)
        mix = list(self._mix(hits))
        kinds = [
            ServiceTime(share, self._work(kind, result, index, batches[index, place], slower), kind.scv)
            for place, _, result, kind, share in mix
        ]
        waiting = Grid.of_service(kinds).wait(self._cores, float(_BUSY[index]) * self._cores)
        parts = []
        for place, model, result, kind, share in mix:
            # whoever is in a batch waits for the whole of it
            more = (batches[index, place] - 1) * (1 - kind.once) * kind.model_s[index] if result == "miss" else 0.0
            alone_s = kind.way_s[index] + (kind.model_s[index] * (slower - 1) if result == "miss" else 0.0) + more
            service = Grid.of_service([ServiceTime(1.0, float(alone_s), kind.scv)])
            delay = np.asarray(kind.delay_s) + kind.stores_s + 3 * _NETWORK_S
            if result == "miss" and self._batch.size > 1:
                misses = float(rate[index]) * model.share * (1 - hits[place])
                fill_s = min(self._batch.delay_ms * 1e-3, (self._batch.size - 1) / max(misses, 1e-9))
                delay = delay + np.linspace(0, fill_s, len(delay))
            parts.append((share, Grid.of_quantiles(delay).plus(service).plus(waiting)))
        whole = Grid.mixture(parts)
        limit_s = self._needs.p99_ms * 1e-3
        (p99_s,) = whole.quantiles([0.99])
        return _Late(whole.beyond(limit_s), whole.beyond(limit_s - self._needs.between_ms * 1e-3), p99_s, whole.mean_s)


def _profile(calibration: Calibration, model: ServedModel, result: str) -> Profile:
    """The profile of a kind; one that was never cached when it was measured has the look-up of a recommendation."""
    like = model.like if result == "miss" or calibration.cached(model.like) else "recommendations"
    return calibration.profile(like, result)


def _all(path: RequestPath) -> tuple[Visit, ...]:
    return (*path.visits, *path.after)


def _seconds(visits: tuple[Visit, ...]) -> tuple[float, float, float]:
    """Seconds of CPU in a replica without its model, in the model, in the stores."""
    model = sum(visit.cpu_s for visit in visits if visit.station.startswith("triton"))
    stores = sum(visit.cpu_s for visit in visits if visit.station in {"cache", "features"})
    return sum(visit.cpu_s for visit in visits) - model - stores, model, stores
