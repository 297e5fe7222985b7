"""What the models say of one machine under a rate and a mix: CPU, percentiles, the highest rate within the SLA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from servekit.errors import InvalidValueError
from shop.capacity.closed_form import Percentiles, on_a_shared_machine
from shop.capacity.simulation import Scenario, simulate_machine
from shop.capacity.walk import walks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.capacity.calibration import Calibration
    from shop.capacity.machine import Machine
    from shop.capacity.walk import Walk

__all__ = ["Forecast", "capacity_rps", "forecast"]

_SIMULATED: Final = 12_000
_PROBED: Final = 2_000
_PRECISION: Final = 0.03
_NEVER: Final = Percentiles(float("inf"), float("inf"))


class Forecast(NamedTuple):
    """CPU in cores by process, generator included; percentiles, in closed form infinite when overloaded."""

    cpu_of: dict[str, float]
    simulated: Percentiles
    closed_form: Percentiles

    @property
    def cpu_cores(self) -> float:
        """All processes together."""
        return sum(self.cpu_of.values())


def forecast(
    calibration: Calibration,
    rate_rps: float,
    mix: Mapping[str, float],
    hit_ratio: Mapping[str, float],
    *,
    requests: int = _SIMULATED,
) -> Forecast:
    """The machine of the calibration at another rate, with another mix and hit ratio; so many requests are simulated.

    Raises:
        InvalidValueError: a kind was not measured.
    """
    found = walks(calibration, mix, hit_ratio, generator=True)
    cpu = dict(calibration.idle_cpu)
    for each in found:
        for name, micros in calibration.profile(each.kind, each.result).cpu_us.items():
            cpu[name] = cpu.get(name, 0.0) + rate_rps * each.weight * micros * 1e-6
    return Forecast(
        cpu,
        _simulated(calibration, found, rate_rps, requests),
        _closed(found, rate_rps, calibration.machine),
    )


def capacity_rps(
    calibration: Calibration, mix: Mapping[str, float], hit_ratio: Mapping[str, float], p99_ms: float
) -> float:
    """The highest rate whose simulated p99 is within the limit, by bisection; 0 when there is none.

    Raises:
        InvalidValueError: a kind was not measured.
    """
    found = walks(calibration, mix, hit_ratio, generator=True)
    high = calibration.cores / sum(each.weight * each.cpu_s for each in found)
    low = 0.0
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        keeps = _simulated(calibration, found, middle, _PROBED).p99_ms <= p99_ms
        low, high = (middle, high) if keeps else (low, middle)
    return low


def _simulated(calibration: Calibration, found: list[Walk], rate_rps: float, requests: int) -> Percentiles:
    scenario = Scenario(rate_rps, requests / rate_rps)
    answers = simulate_machine(found, calibration.machine, scenario)
    return Percentiles(*answers.percentiles_ms([0.5, 0.99]))


def _closed(found: list[Walk], rate_rps: float, machine: Machine) -> Percentiles:
    try:
        return on_a_shared_machine(found, rate_rps, machine)
    except InvalidValueError:
        return _NEVER
