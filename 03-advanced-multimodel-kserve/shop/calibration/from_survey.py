"""A survey turned into a calibration: delays fitted, and the held-out traffic predicted and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import msgspec
import numpy as np

from planner.calibration import Calibration, Comparison, Cost, HeldOut, Profile
from planner.distribution import quantiles_of
from planner.fit import fit_delay
from planner.forecast import Promise, capacity_rps, forecast
from shop.calibration.phase import together
from shop.calibration.processes import GENERATOR
from shop.endpoints import BY_KIND
from workbench.hardware import hardware_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from planner.forecast import Forecast
    from shop.calibration.phase import MeasuredPhase
    from shop.calibration.processes import Processes
    from shop.calibration.survey import Key, Round, Survey
    from workbench.sla.capacity import CapacityResult

__all__ = ["calibrate", "compare_capacity"]

_MATTERS = 0.05

_PACKET_HEAD = 2 * 66  # Ethernet, IPv4 and TCP with timestamps, both ways: what the loopback interface counts besides


def calibrate(found: Survey, mix: Mapping[str, float], processes: Processes, command: str) -> Calibration:
    """The calibration that follows from a survey, with its prediction of the held-out traffic."""
    stamp = hardware_stamp()
    cores, gateways = stamp["cores"], max(processes.count("gateway"), 1)
    keys = sorted({key for each in found.rounds for key in each.alone})
    raw = [_profile(key, found, cores) for key in keys]
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


def _profile(key: Key, found: Survey, cores: int) -> Profile:
    kind, result = key
    phases = [each.alone[key] for each in found.rounds if key in each.alone]
    requests = sum(phase.sent.requests for phase in phases)
    answer = float(np.mean(np.concatenate([phase.sent.size for phase in phases])))
    return Profile(
        kind=kind,
        model=BY_KIND[kind].model,
        result=cast("Literal['hit', 'miss']", result),
        requests=requests,
        rate_rps=round(float(np.mean([phase.sent.rate_rps for phase in phases])), 2),
        quiet=_cost(phases, found.idle_cpu, cores),
        busy=_cost([each.busy[key] for each in found.rounds if key in each.busy], found.idle_cpu, cores),
        latency_ms=[round(float(value), 4) for value in quantiles_of(together(phases)) * 1e3],
        delay_ms=[0.0, 0.0],
        edge_bytes=round(found.edge_bytes[kind] + answer + _PACKET_HEAD, 1),
        answer_bytes=round(answer, 1),
        # other programs talk over the loopback interface too: the quietest phase is nearest to the truth
        wire_bytes=round(min(phase.used.loopback_bytes / phase.sent.requests for phase in phases), 1),
    )


def _cpu_rows(phases: list[MeasuredPhase], predicted: Forecast) -> list[tuple[str, float, float, float]]:
    """Cores used by all together, then by each server that matters; both models say the same of them."""
    seconds = sum(phase.used.at_s for phase in phases)
    used = {name: sum(phase.used.cpu_s[name] for phase in phases) / seconds for name in phases[0].used.cpu_s}
    total = sum(used.values())
    rows = [("CPU, cores", total, predicted.cpu_cores, predicted.cpu_cores)]
    for name, cores in used.items():
        if name != GENERATOR and cores > _MATTERS * total:
            rows.append((f"CPU of {name}, cores", cores, predicted.cpu_of[name], predicted.cpu_of[name]))
    return rows


def _cost(phases: list[MeasuredPhase], idle_cpu: Mapping[str, float], cores: int) -> Cost:
    requests = sum(phase.sent.requests for phase in phases)
    seconds = sum(phase.used.at_s for phase in phases)
    used = {name: sum(phase.used.cpu_s[name] for phase in phases) for name in phases[0].used.cpu_s}
    return Cost(
        utilisation=round(min(sum(used.values()) / (seconds * cores), 1.0), 4),
        cpu_us={
            name: round(max(cpu_s - idle_cpu.get(name, 0.0) * seconds, 0.0) / requests * 1e6, 1)
            for name, cpu_s in used.items()
        },
    )


def _hit_ratio(rounds: list[Round]) -> dict[str, float]:
    kinds = sorted({kind for each in rounds for kind in each.held.hit_ratio})
    return {kind: round(float(np.mean([each.held.hit_ratio.get(kind, 0.0) for each in rounds])), 4) for kind in kinds}


def _compare(calibration: Calibration, rounds: list[Round]) -> HeldOut:
    phases = [each.held.phase for each in rounds]
    latency_ms = together(phases) * 1e3
    rate = sum(phase.sent.requests for phase in phases) / sum(phase.sent.duration_s for phase in phases)
    kinds = [kind for each in rounds for kind in each.held.kinds]
    mix = {kind: round(kinds.count(kind) / len(kinds), 4) for kind in calibration.mix}
    predicted = forecast(calibration, rate, mix, calibration.hit_ratio)
    p50, p99 = (float(value) for value in np.quantile(latency_ms, [0.5, 0.99]))
    rows = [
        *_cpu_rows(phases, predicted),
        ("p50, ms", p50, predicted.simulated.p50_ms, predicted.closed_form.p50_ms),
        ("p99, ms", p99, predicted.simulated.p99_ms, predicted.closed_form.p99_ms),
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


def compare_capacity(
    calibration: Calibration, found: CapacityResult, hit_ratio: Callable[[float], Mapping[str, float]], at_once: int
) -> Comparison:
    """What ``make capacity-3`` found, beside the highest rate that the simulation gives for the same mix and promise.

    Args:
        calibration: of the same machine.
        found: the search's result; its own load generator's CPU takes the place of the calibration's.
        hit_ratio: share of each kind that the cache answers at a rate.
        at_once: requests that the edge lets in at once.
    """
    passed = [probe for probe in found.probes if probe.rate_rps == found.capacity_rps and probe.verdict == "met"]
    generator_us = float(np.median([probe.generator_cpu / probe.achieved_rps * 1e6 for probe in passed]))

    def loaded(cost: Cost) -> Cost:
        return msgspec.structs.replace(cost, cpu_us=cost.cpu_us | {GENERATOR: generator_us})

    profiles = [
        msgspec.structs.replace(profile, quiet=loaded(profile.quiet), busy=loaded(profile.busy))
        for profile in calibration.profiles
    ]
    promise = Promise(found.thresholds.p99_ms, found.thresholds.error_rate, at_once)
    simulated = capacity_rps(msgspec.structs.replace(calibration, profiles=profiles), found.mix, hit_ratio, promise)
    return Comparison(figure="capacity, requests/s", measured=found.capacity_rps, simulated=round(simulated, 1))
