"""A survey turned into a calibration: delays fitted, and the held-out traffic predicted and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servekit.hardware import hardware_stamp
from shop.capacity.calibration import Calibration, Comparison, HeldOut
from shop.capacity.fit import fit_delay
from shop.capacity.forecast import forecast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.capacity.measuring.processes import Processes
    from shop.capacity.measuring.survey import Held, Survey

__all__ = ["calibrate"]


def calibrate(found: Survey, mix: Mapping[str, float], processes: Processes, command: str) -> Calibration:
    """Everything that follows from what was measured."""
    stamp = hardware_stamp()
    cores, gateways = stamp["cores"], max(processes.count("gateway"), 1)
    calibration = Calibration(
        profiles=[fit_delay(profile, cores, gateways) for profile in found.profiles],
        mix=dict(mix),
        hit_ratio=found.held.hit_ratio,
        cores=cores,
        gateways=gateways,
        idle_cpu=found.idle_cpu,
        rss_mb=processes.resident_mb(),
        features=found.features,
        cache=found.cache,
        noise=found.noise,
        hardware=stamp,
        date=stamp["date"],
        command=command,
    )
    return msgspec.structs.replace(calibration, held_out=_compare(calibration, found.held))


def _compare(calibration: Calibration, held: Held) -> HeldOut:
    latency_ms = held.latency_s * 1e3
    rate = len(latency_ms) / sum(each.duration_s for each in held.sent)
    kinds = [kind for each in held.kinds for kind in each]
    mix = {kind: round(kinds.count(kind) / len(kinds), 4) for kind in calibration.mix}
    said = forecast(calibration, rate, mix, held.hit_ratio)
    cpu = sum(held.usage.values()) / held.seconds
    measured = [float(value) for value in np.quantile(latency_ms, [0.5, 0.99])]
    figures = [Comparison(figure="CPU, cores", measured=cpu, simulated=said.cpu_cores, closed_form=said.cpu_cores)]
    figures += [
        Comparison(figure=name, measured=value, simulated=simulated, closed_form=closed)
        for name, value, simulated, closed in zip(
            ("p50, ms", "p99, ms"), measured, said.simulated, said.closed_form, strict=True
        )
    ]
    return HeldOut(
        rate_rps=round(rate, 1),
        requests=len(latency_ms),
        mix=mix,
        hit_ratio=held.hit_ratio,
        rounds_p99_ms=[round(float(np.quantile(each.latency_s, 0.99)) * 1e3, 3) for each in held.sent],
        comparisons=[_rounded(each) for each in figures],
    )


def _rounded(each: Comparison) -> Comparison:
    closed = round(each.closed_form, 4) if each.closed_form is not None else None
    return Comparison(
        figure=each.figure, measured=round(each.measured, 4), simulated=round(each.simulated, 4), closed_form=closed
    )
