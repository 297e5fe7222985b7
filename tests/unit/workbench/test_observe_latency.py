"""The alert on a slow canary: how often it is right, by a simulation that agrees with Prometheus look by look."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from servekit.telemetry.metrics import LATENCY_BUCKETS
from tests.prometheus_program import find, needs_prometheus
from workbench.observe.characteristics import fires
from workbench.observe.latency_characteristics import (
    FOR_S,
    Latency,
    canary_latency,
    characteristics,
    quantile,
    simulated,
)
from workbench.verdicts import SEED
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

RULES = ROOT / "infra" / "prometheus" / "rules"
NAMES = ("recording", "models")
LOOK_S = 60
ALERT = 'ALERTS{alertname="CanaryLatency",version="2",alertstate="firing"}'


def test_the_alert_is_as_good_as_its_design_asks_for() -> None:
    rows = list(characteristics(SEED))
    assert [f"{row.truth}: {row.share}" for row in rows if not row.kept] == []


def test_a_quantile_is_interpolated_in_its_bucket() -> None:
    counted = np.zeros(len(LATENCY_BUCKETS) + 1)
    place = LATENCY_BUCKETS.index(0.025)
    counted[place - 1 : place + 1] = 50, 50
    assert quantile(counted, 0.75) == pytest.approx((0.01 + 0.025) / 2)
    assert quantile(counted, 0.5) == pytest.approx(0.01)
    assert np.isnan(quantile(np.zeros(3), 0.5))


@needs_prometheus
def test_prometheus_says_the_same_at_every_look(tmp_path: Path) -> None:
    rng, usual, slower = np.random.default_rng(7), Latency(0.005), Latency(0.02)
    stable = simulated(rng, [usual] * 150, 5, LOOK_S, runs=1)
    canary = simulated(rng, [usual] * 30 + [slower] * 60 + [usual] * 60, 2, LOOK_S, runs=1)
    fired = fires(canary_latency(stable, canary, LOOK_S), FOR_S // LOOK_S)[0]
    assert (fired[:30].any(), fired[60:85].all(), fired[110:].any()) == (False, True, False)
    agree(tmp_path, [stable[0], canary[0]], fired)


def agree(folder: Path, versions: list[NDArray[np.float64]], fired: NDArray[np.bool_]) -> None:
    looks = [
        {
            "expr": f"count({ALERT}) or vector(0)",
            "eval_time": f"{number}m",
            "exp_samples": [{"labels": "{}", "value": int(now)}],
        }
        for number, now in enumerate(fired, start=1)
        if len(set(fired[max(0, number - 3) : number + 2])) == 1  # versions of Prometheus count a window's edge apart
    ]
    assert len(looks) > 0.8 * len(fired)
    groups = [
        group["name"] for name in NAMES for group in yaml.safe_load((RULES / f"{name}.yaml").read_text())["groups"]
    ]
    series = [line for number, counted in enumerate(versions, start=1) for line in _series(str(number), counted)]
    test = {
        "rule_files": [str(RULES / f"{name}.yaml") for name in NAMES],
        "evaluation_interval": "1m",
        "group_eval_order": groups,
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": looks}],
    }
    (folder / "agree.yaml").write_text(yaml.safe_dump(test))
    program = find("promtool", folder)
    assert program
    command = [*program, "test", "rules", str(folder / "agree.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _series(version: str, counted: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
    about = f'level="3",endpoint="/v1/search",model="ranking",version="{version}"'
    below = np.cumsum(counted, axis=1)
    bounds = [*map(str, LATENCY_BUCKETS), "+Inf"]
    for bound, counts in zip(bounds, below.T, strict=True):
        name = f'serving_request_duration_seconds_bucket{{{about},code="200",le="{bound}"}}'
        yield {"series": name, "values": _values(counts)}
    yield {"series": f'serving_requests_total{{{about},result="answered"}}', "values": _values(below[:, -1])}


def _values(counts: NDArray[np.float64]) -> str:
    return " ".join(f"{count:.0f}" for count in (0, *counts))
