"""The path of a request through the stations, with its CPU at each: the input of the closed form and the simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from planner.distribution import ServiceTime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.calibration import Calibration, Profile

__all__ = ["RequestPath", "Visit", "mean_and_scv", "request_path", "request_paths", "services"]

# Which process works when, and with what share of its CPU. Gateway and edge are visited on the way out and back; the
# two look-ups come before the model. The generator is on the way only where it shares the machine.
_STAGES: Final = (
    ("generator", 0.5), ("edge", 0.5), ("gateway", 0.4), ("cache", 1.0), ("features", 1.0), ("gateway", 0.2),
    ("triton", 1.0), ("gateway", 0.4), ("edge", 0.5), ("generator", 0.5),
)  # fmt: skip
_NEGLIGIBLE_S: Final = 2e-6
_FLOOR: Final = 0.9  # of the fastest answers' time, at most this much can have been CPU on the way


class Visit(NamedTuple):
    """Work at a station: its name, the seconds of CPU on average, and their squared coefficient of variation."""

    station: str
    cpu_s: float
    scv: float = 0.0


class RequestPath(NamedTuple):
    """One kind of request with its share of all requests.

    ``visits`` come one after the other before the answer, ``after`` once it is sent (a cache is filled, a line is
    logged): they keep others waiting, not this request. ``delay_s`` holds evenly spaced quantiles of the time that is
    neither CPU nor queueing.
    """

    kind: str
    result: str
    weight: float
    visits: tuple[Visit, ...]
    after: tuple[Visit, ...]
    delay_s: tuple[float, ...]

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU before and after the answer together."""
        return sum(visit.cpu_s for visit in (*self.visits, *self.after))


def request_paths(
    calibration: Calibration,
    mix: Mapping[str, float],
    hit_ratio: Mapping[str, float],
    utilisation: float,
    *,
    generator: bool = False,
) -> list[RequestPath]:
    """A path for each kind and result that occurs; the weights sum to 1.

    Args:
        calibration: the profiles.
        mix: weights of the kinds, in any unit.
        hit_ratio: share answered from the cache; 0 for a kind that is not named or never cached.
        utilisation: how busy the cores are, which decides what a request costs.
        generator: whether the load generator runs on the same machine, as it did when it was measured.

    Raises:
        InvalidValueError: a kind was not measured.
    """
    total = sum(mix.values())
    found = []
    for kind, share in mix.items():
        hits = hit_ratio.get(kind, 0.0) if calibration.cached(kind) else 0.0
        for result, part in (("hit", hits), ("miss", 1 - hits)):
            profile = calibration.profile(kind, result)
            if share * part > 0:
                found.append(request_path(profile, utilisation, share * part / total, generator=generator))
    return found


def request_path(profile: Profile, utilisation: float, weight: float = 1.0, *, generator: bool = False) -> RequestPath:
    """The path of one profile, on cores that are this busy."""
    cpu_s = {name: us * 1e-6 for name, us in profile.cpu_us(utilisation).items()}
    fastest_s = float(np.quantile(profile.latency_ms, 0.1)) * 1e-3
    # More CPU than time: some of it was spent beside the way or behind the answer.
    on_way = min(1.0, _FLOOR * fastest_s / max(sum(cpu_s.values()), 1e-9))
    scv = _largest_scv(profile)
    stages = [
        Visit(_station(name, profile.model), cpu_s.get(name, 0.0) * share, scv)
        for name, share in _STAGES
        if (generator or name != "generator") and cpu_s.get(name, 0.0) * share > _NEGLIGIBLE_S
    ]
    visits = tuple(visit._replace(cpu_s=visit.cpu_s * on_way) for visit in stages)
    after = tuple(visit._replace(cpu_s=visit.cpu_s * (1 - on_way)) for visit in stages) if on_way < 1 else ()
    return RequestPath(profile.kind, profile.result, weight, visits, after, tuple(ms * 1e-3 for ms in profile.delay_ms))


def services(found: Sequence[RequestPath]) -> dict[str, list[ServiceTime]]:
    """The service times at each station, by its name."""
    done: dict[str, list[ServiceTime]] = {}
    for each in found:
        for visit in (*each.visits, *each.after):
            done.setdefault(visit.station, []).append(ServiceTime(each.weight, visit.cpu_s, visit.scv))
    return done


def mean_and_scv(found: Sequence[RequestPath]) -> dict[str, tuple[float, float, float]]:
    """For each station: visits per request, mean seconds of CPU per visit, its squared coefficient of variation."""
    moments = {}
    for station, kinds in services(found).items():
        count = sum(kind.weight for kind in kinds)
        mean = sum(kind.weight * kind.mean_s for kind in kinds) / count
        square = sum(kind.weight * kind.mean_s**2 * (1 + kind.scv) for kind in kinds) / count
        moments[station] = (count, mean, max(square / mean**2 - 1, 0.0))
    return moments


def _largest_scv(profile: Profile) -> float:
    """The squared coefficient of variation of each piece of work, as large as the measured latencies allow.

    What one request takes of a process is not to be seen. But all the pieces together cannot vary more than the
    latency does: as if its whole spread were CPU, and each piece varied alike and independently of the others.
    """
    pieces_ms = [profile.quiet.cpu_us.get(name, 0.0) * share * 1e-3 for name, share in _STAGES]
    return float(np.var(profile.latency_ms)) / max(sum(ms * ms for ms in pieces_ms), 1e-12)


def _station(process: str, model: str) -> str:
    return f"triton-{model}" if process == "triton" else process
