"""Predictions for one machine under a rate and a mix: CPU, percentiles, the highest rate within the SLA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from planner.closed_form import Percentiles, on_a_shared_machine
from planner.request_path import request_paths
from planner.simulation import Scenario, simulate_machine
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from planner.calibration import Calibration
    from planner.machine import Machine
    from planner.request_path import RequestPath

__all__ = ["Forecast", "Promise", "capacity_rps", "forecast"]

_SIMULATED: Final = 12_000
_PROBED: Final = 6_000
_PRECISION: Final = 0.03
_HALVINGS: Final = 10
_NEVER: Final = Percentiles(float("inf"), float("inf"))


class Forecast(NamedTuple):
    """CPU in cores by process, generator included; percentiles, in closed form infinite when overloaded."""

    cpu_of: dict[str, float]
    simulated: Percentiles
    closed_form: Percentiles

    @property
    def cpu_cores(self) -> float:
        """The cores that all processes use together."""
        return sum(self.cpu_of.values())


def forecast(
    calibration: Calibration,
    rate_rps: float,
    mix: Mapping[str, float],
    hit_ratio: Mapping[str, float],
    *,
    requests: int | None = None,
) -> Forecast:
    """The machine of the calibration at another rate, with another mix and hit ratio; so many requests are simulated.

    Raises:
        InvalidValueError: a kind was not measured.
    """
    utilisation, found = _settled(calibration, rate_rps, mix, hit_ratio)
    cpu = dict(calibration.idle_cpu)
    for each in found:
        for name, micros in calibration.profile(each.kind, each.result).cpu_us(utilisation).items():
            cpu[name] = cpu.get(name, 0.0) + rate_rps * each.weight * micros * 1e-6
    return Forecast(
        cpu,
        _simulated(calibration, found, rate_rps, requests or _SIMULATED),
        _closed(found, rate_rps, calibration.machine),
    )


class Promise(NamedTuple):
    """The promised p99 and error rate; the edge turns away what exceeds ``at_once``, which counts as an error."""

    p99_ms: float
    error_rate: float
    at_once: int


def capacity_rps(
    calibration: Calibration,
    mix: Mapping[str, float],
    hit_ratio: Callable[[float], Mapping[str, float]],
    promise: Promise,
) -> float:
    """The highest rate at which the simulation keeps the promise, by bisection; 0 when there is none.

    Args:
        calibration: of the machine.
        mix: weights of the kinds.
        hit_ratio: share of each kind that the cache answers at a rate.
        promise: p99 and errors.

    Raises:
        InvalidValueError: a kind was not measured.
    """
    all_hits = request_paths(calibration, mix, dict.fromkeys(mix, 1.0), 1.0, generator=True)
    low, high = 0.0, calibration.cores / sum(each.weight * each.cpu_s for each in all_hits)
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        _, found = _settled(calibration, middle, mix, hit_ratio(middle))
        seconds = _PROBED / middle
        answers = simulate_machine(found, calibration.machine, Scenario(middle, seconds, warmup_s=seconds / 10))
        met = (
            answers.percentiles_ms([0.99])[0] <= promise.p99_ms
            and answers.crowded(promise.at_once) <= promise.error_rate
        )
        low, high = (middle, high) if met else (low, middle)
    return low


def _settled(
    calibration: Calibration, rate_rps: float, mix: Mapping[str, float], hit_ratio: Mapping[str, float]
) -> tuple[float, list[RequestPath]]:
    """How busy this rate keeps the cores, and the paths there: one answer, for the busier, the less a request costs."""
    idle = sum(calibration.idle_cpu.values())
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found = request_paths(calibration, mix, hit_ratio, middle, generator=True)
        used = (idle + rate_rps * sum(each.weight * each.cpu_s for each in found)) / calibration.cores
        low, high = (middle, high) if used > middle else (low, middle)
    return high, request_paths(calibration, mix, hit_ratio, high, generator=True)


def _simulated(calibration: Calibration, found: list[RequestPath], rate_rps: float, requests: int) -> Percentiles:
    scenario = Scenario(rate_rps, requests / rate_rps)
    answers = simulate_machine(found, calibration.machine, scenario)
    return Percentiles(*answers.percentiles_ms([0.5, 0.99]))


def _closed(found: list[RequestPath], rate_rps: float, machine: Machine) -> Percentiles:
    try:
        return on_a_shared_machine(found, rate_rps, machine)
    except InvalidValueError:
        return _NEVER
