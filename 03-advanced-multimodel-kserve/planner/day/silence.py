"""The seconds after a zone fell silent, request by request: requests hang there, give up and are tried elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from planner.pods import ZoneLoss
from planner.simulation import FleetShape, Scenario, simulate_fleet

if TYPE_CHECKING:
    from planner.day.region_run import RegionStep, Rig

__all__ = ["NOTICE_S", "Silence", "simulate_silence"]

NOTICE_S: Final = 3.0
"""Until health checks have taken a silent zone out of the balancers."""
_SIMULATED_RPS: Final = 1500.0
_SIMULATED: Final = 8000
"""Requests before and in the silence, each: enough for a p99, and a second of work."""
_WARM_UP_S: Final = 0.3


class Silence(NamedTuple):
    """What the simulation counted: shares failed and late while unnoticed, and p99 before, beside the formula's."""

    failed: float
    late: float
    requests: int
    p99_ms: float
    formula_p99_ms: float


def simulate_silence(before: RegionStep, rig: Rig, seed: int) -> Silence:
    """Simulates the loss of one of the zones on a slice of the region as it was in its last whole step."""
    design, needs = rig.design, rig.needs
    zones = design.zones
    each_rps = before.rate_rps / before.ready
    per_zone = min(max(1, round(_SIMULATED_RPS / each_rps / zones)), max(1, before.ready // zones))
    shape = FleetShape({"server": per_zone * zones}, zones=zones, cores=design.servers.cores)
    rate_rps = each_rps * per_zone * zones
    # what a request meets does not depend on how long the silence lasts, so a short one is enough at a high rate
    begin_s = min(2.0, max(0.6, _SIMULATED / rate_rps))
    lasts_s = min(NOTICE_S, begin_s)
    lost = ZoneLoss(0, begin_s, lasts_s, attempt_s=needs.p99_ms * 0.4e-3)
    scenario = Scenario(rate_rps, begin_s + lasts_s, warmup_s=_WARM_UP_S, seed=seed, lost=lost)
    answers = simulate_fleet(rig.pace.paths(before.hits, before.load.busy), shape, scenario)
    hit = answers.at_s >= begin_s
    late = (answers.latency_s > needs.p99_ms * 1e-3) & ~answers.failed
    return Silence(
        failed=float(np.mean(answers.failed[hit])) if hit.any() else 0.0,
        late=float(np.mean(late[hit])) if hit.any() else 0.0,
        requests=len(answers.at_s),
        p99_ms=answers.percentiles_ms([0.99], (0.0, begin_s))[0],
        formula_p99_ms=before.load.p99_ms,
    )
