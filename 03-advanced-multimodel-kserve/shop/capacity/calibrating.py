"""A survey turned into a calibration: delays fitted, and the held-out traffic predicted and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import msgspec
import numpy as np

from servekit.hardware import hardware_stamp
from shop.capacity.calibration import Calibration, Comparison, HeldOut, Profile
from shop.capacity.distribution import quantiles_of
from shop.capacity.fit import fit_delay
from shop.capacity.forecast import capacity_rps, forecast
from shop.capacity.measuring.phase import together
from shop.capacity.measuring.processes import GENERATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servekit.sla.capacity import CapacityResult
    from shop.capacity.forecast import Forecast
    from shop.capacity.measuring.phase import Phase
    from shop.capacity.measuring.processes import Processes
    from shop.capacity.measuring.survey import Key, Round, Survey

__all__ = ["calibrate", "compare_capacity"]

_MATTERS = 0.05

_PACKET_HEAD = 2 * 66  # Ethernet, IPv4 and TCP with timestamps, both ways: what the loopback interface counts besides


def calibrate(found: Survey, mix: Mapping[str, float], processes: Processes, command: str) -> Calibration:
    """Everything that follows from what was measured."""
    stamp = hardware_stamp()
    cores, gateways = stamp["cores"], max(processes.count("gateway"), 1)
    keys = sorted({key for each in found.rounds for key in each.alone})
    raw = [_profile(key, [each.alone[key] for each in found.rounds if key in each.alone], found) for key in keys]
    calibration = Calibration(
        profiles=raw,
        mix=dict(mix),
        hit_ratio=_hit_ratio(found.rounds),
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
    fitted = [fit_delay(profile, calibration.machine) for profile in raw]
    calibration = msgspec.structs.replace(calibration, profiles=fitted)
    return msgspec.structs.replace(calibration, held_out=_compare(calibration, found.rounds))


def _profile(key: Key, phases: list[Phase], found: Survey) -> Profile:
    kind, result = key
    requests = sum(len(phase.sent.number) for phase in phases)
    answer = float(np.mean(np.concatenate([phase.sent.size for phase in phases])))
    return Profile(
        kind=kind,
        result=cast("Literal['hit', 'miss']", result),
        requests=requests,
        rate_rps=round(float(np.mean([phase.sent.rate_rps for phase in phases])), 2),
        cpu_us=_cpu_us(phases, found.idle_cpu, requests),
        latency_ms=[round(float(value), 4) for value in quantiles_of(together(phases)) * 1e3],
        delay_ms=[0.0, 0.0],
        edge_bytes=round(found.edge_bytes[kind] + answer + _PACKET_HEAD, 1),
        answer_bytes=round(answer, 1),
        # other programs talk over the loopback interface too: the quietest phase is nearest to the truth
        wire_bytes=round(min(phase.used.loopback_bytes / len(phase.sent.number) for phase in phases), 1),
    )


def _cpu_rows(phases: list[Phase], said: Forecast) -> list[tuple[str, float, float, float]]:
    """Cores used by all together, then by each process that matters; both models say the same of them."""
    seconds = sum(phase.used.at_s for phase in phases)
    used = {name: sum(phase.used.cpu_s[name] for phase in phases) / seconds for name in phases[0].used.cpu_s}
    total = sum(used.values())
    rows = [("CPU, cores", total, said.cpu_cores, said.cpu_cores)]
    for name, cores in used.items():
        if cores > _MATTERS * total:
            rows.append((f"CPU of {name}, cores", cores, said.cpu_of[name], said.cpu_of[name]))
    return rows


def _cpu_us(phases: list[Phase], idle_cpu: Mapping[str, float], requests: int) -> dict[str, float]:
    seconds = sum(phase.used.at_s for phase in phases)
    return {
        name: round(max(sum(p.used.cpu_s[name] for p in phases) - idle * seconds, 0.0) / requests * 1e6, 1)
        for name, idle in ((name, idle_cpu.get(name, 0.0)) for name in phases[0].used.cpu_s)
    }


def _hit_ratio(rounds: list[Round]) -> dict[str, float]:
    kinds = sorted({kind for each in rounds for kind in each.held.hit_ratio})
    return {kind: round(float(np.mean([each.held.hit_ratio.get(kind, 0.0) for each in rounds])), 4) for kind in kinds}


def _compare(calibration: Calibration, rounds: list[Round]) -> HeldOut:
    phases = [each.held.phase for each in rounds]
    latency_ms = together(phases) * 1e3
    rate = sum(len(phase.sent.number) for phase in phases) / sum(phase.sent.duration_s for phase in phases)
    kinds = [kind for each in rounds for kind in each.held.kinds]
    mix = {kind: round(kinds.count(kind) / len(kinds), 4) for kind in calibration.mix}
    said = forecast(calibration, rate, mix, calibration.hit_ratio)
    p50, p99 = (float(value) for value in np.quantile(latency_ms, [0.5, 0.99]))
    rows = [
        *_cpu_rows(phases, said),
        ("p50, ms", p50, said.simulated.p50_ms, said.closed_form.p50_ms),
        ("p99, ms", p99, said.simulated.p99_ms, said.closed_form.p99_ms),
    ]
    return HeldOut(
        rate_rps=round(rate, 1),
        requests=len(latency_ms),
        mix=mix,
        hit_ratio=calibration.hit_ratio,
        rounds_p99_ms=[round(float(np.quantile(phase.sent.answered_s, 0.99)) * 1e3, 3) for phase in phases],
        comparisons=[
            Comparison(
                figure=figure, measured=round(measured, 4), simulated=round(simulated, 4), closed_form=round(closed, 4)
            )
            for figure, measured, simulated, closed in rows
        ],
    )


def compare_capacity(calibration: Calibration, found: CapacityResult, generator_us: float) -> Comparison:
    """What ``make capacity-3`` found, beside the highest rate that the simulation gives for the same mix and limit.

    Args:
        calibration: with its hit ratio, which is taken to be that of the search too.
        found: the search's result.
        generator_us: CPU that its load generator, another than the calibration's, takes for a request.
    """
    profiles = [
        msgspec.structs.replace(profile, cpu_us=profile.cpu_us | {GENERATOR: generator_us})
        for profile in calibration.profiles
    ]
    loaded = msgspec.structs.replace(calibration, profiles=profiles)
    simulated = capacity_rps(loaded, found.mix, calibration.hit_ratio, found.thresholds.p99_ms)
    return Comparison(figure="capacity, requests/s", measured=found.capacity_rps, simulated=round(simulated, 1))
