"""A calibration of round figures, and the fleet's ask that most tests start from."""

from __future__ import annotations

import numpy as np
import pytest

from planner.calibration import Calibration, Cost, Noise, Profile, StoreSize
from planner.distribution import QUANTILES
from planner.fleet import Ask
from planner.prices import Prices, load_prices
from shop.endpoints import BY_KIND


def profile(kind: str, result: str, cpu_us: dict[str, float], delay_ms: float) -> Profile:
    """A delay with a tail: its 99th percentile is about four times its middle."""
    delay = delay_ms * (0.6 + 0.4 * np.exp(2.2 * np.linspace(0, 1, QUANTILES) ** 6))
    latency = delay + sum(cpu_us.values()) * 1e-3
    return Profile(
        kind=kind,
        model=BY_KIND[kind].model,
        result="hit" if result == "hit" else "miss",
        requests=500,
        rate_rps=50,
        quiet=Cost(utilisation=0.1, cpu_us=cpu_us),
        busy=Cost(utilisation=0.6, cpu_us=cpu_us),
        latency_ms=latency.tolist(),
        delay_ms=delay.tolist(),
        edge_bytes=1000,
        answer_bytes=400,
        wire_bytes=9000,
    )


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    known = {"generator": 200.0, "edge": 100.0}
    return Calibration(
        profiles=[
            profile("recommendations", "hit", {**known, "gateway": 200, "cache": 30}, 0.4),
            profile("recommendations", "miss", {**known, "gateway": 400, "triton": 1000, "features": 40}, 0.8),
            profile("search", "miss", {**known, "gateway": 700, "triton": 900, "features": 80}, 1.0),
            profile("payments", "miss", {**known, "gateway": 400, "triton": 300, "features": 40}, 0.7),
        ],
        mix={"recommendations": 6, "search": 3, "payments": 1},
        hit_ratio={"recommendations": 0.6},
        cores=2,
        gateways=2,
        idle_cpu={"edge": 0.01},
        rss_mb={"edge": 60, "gateway": 120, "triton": 600},
        features=StoreSize(100_000, 400),
        cache=StoreSize(5_000, 700),
        noise=Noise(stalled=0, longest_ms=0, stalls_per_s=0, steal=0),
        hardware={
            "cpu": "a CPU",
            "cores": 2,
            "ram_gib": 8,
            "kernel": "6",
            "system": "Linux",
            "python": "CPython 3.11",
            "date": "2026-11-26T00:00:00+00:00",
        },
        date="2026-11-26T00:00:00+00:00",
        command="none",
    )


@pytest.fixture(scope="session")
def prices() -> Prices:
    return load_prices()


@pytest.fixture(scope="session")
def ask(calibration: Calibration) -> Ask:
    return Ask(qps=20_000, p99_ms=50, mix=calibration.mix, hit_ratio=calibration.hit_ratio)
