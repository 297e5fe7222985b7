"""Finds the part of a measured latency that is neither CPU nor queueing, which the models need.

Even at a low rate requests meet each other now and then, and on two cores a generator, an edge and a server take turns.
So the delay is found by running the simulation backwards: start from latency minus CPU, simulate the very measurement,
and correct each quantile by what the simulation gets wrong. Three rounds bring it within the noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from planner.distribution import quantiles_of
from planner.request_path import request_path
from planner.simulation import Scenario, simulate_machine

if TYPE_CHECKING:
    from planner.calibration import Profile
    from planner.machine import Machine

__all__ = ["fit_delay"]

_ROUNDS: Final = 3
_SIMULATED: Final = 3000


def fit_delay(profile: Profile, machine: Machine, seed: int = 1) -> Profile:
    """The profile with ``delay_ms`` such that the simulation of its measurement gives its ``latency_ms``."""
    measured_s = np.asarray(profile.latency_ms) * 1e-3
    base = request_path(profile, profile.quiet.utilisation, generator=True)
    delay_s = np.maximum(measured_s - sum(visit.cpu_s for visit in base.visits), 0.0)
    scenario = Scenario(profile.rate_rps, _SIMULATED / profile.rate_rps, seed=seed)
    for _ in range(_ROUNDS):
        answers = simulate_machine([base._replace(delay_s=tuple(delay_s.tolist()))], machine, scenario)
        error = measured_s - quantiles_of(answers.latency_s)
        delay_s = np.maximum.accumulate(np.clip(delay_s + error, 0.0, measured_s))
    return msgspec.structs.replace(profile, delay_ms=[round(float(value) * 1e3, 4) for value in delay_s])
