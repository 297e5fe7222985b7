"""What the detector sees reaches the alert: the real monitor's gauges, through the real rule, in Prometheus' runner."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import yaml
from prometheus_client import CollectorRegistry

from servekit.drift import DriftCollector, DriftMonitor, ReferenceProfile
from tests.prometheus_program import find, needs_prometheus
from workbench.drift.characteristics import AlertRule
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RULES = ROOT / "infra" / "prometheus" / "rules" / "models.yaml"
SCRAPE_S, ROWS_A_SCRAPE = 15, 500
LABELS = {"model": "m", "version": "1", "window": "short", "feature": "x"}


def scraped(shift: float, minutes: int, seed: int) -> dict[str, list[float]]:
    """The gauges of a server that is asked so much that every scrape finds a window of fresh rows."""
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(20_000, 1))
    profile = ReferenceProfile.of(reference, reference, model="m", version="1", feature_names=["x"])
    monitor, registry = DriftMonitor(profile), CollectorRegistry()
    registry.register(DriftCollector([monitor]))
    seen: dict[str, list[float]] = {"serving_drift_alarm": [], "serving_drift_psi": []}
    for _ in range(minutes * 60 // SCRAPE_S):
        rows = rng.normal(shift, size=(ROWS_A_SCRAPE, 1))
        monitor.observe(rows, rows)
        for name, values in seen.items():
            values.append(registry.get_sample_value(name, LABELS) or 0.0)
    return seen


def fires(seen: dict[str, list[float]], minutes: int, folder: Path) -> bool:
    """Whether the rule's alert fires at that minute."""
    series = [
        {"series": f'{name}{{model="m",version="1",feature="x"}}', "values": " ".join(map(str, values))}
        for name, values in seen.items()
    ]
    case = {"expr": 'count(ALERTS{alertname="FeatureDrift",alertstate="firing"})', "eval_time": f"{minutes}m"}
    test = {
        "interval": f"{SCRAPE_S}s",
        "input_series": series,
        "promql_expr_test": [case | {"exp_samples": [{"labels": "{}", "value": 1}]}],
    }
    (folder / "models.yaml").write_text(RULES.read_text(encoding="utf-8"), encoding="utf-8")
    document = {"rule_files": ["models.yaml"], "evaluation_interval": f"{SCRAPE_S}s", "tests": [test]}
    (folder / "case.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    program = find("promtool", folder)
    assert program
    done = subprocess.run(
        [*program, "test", "rules", str(folder / "case.yaml")], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0 or "got: nil" in said, said
    return done.returncode == 0


@needs_prometheus
def test_drift_that_three_windows_in_four_alarm_about_fires_the_alert(tmp_path: Path) -> None:
    seen = scraped(shift=0.3, minutes=30, seed=1)
    alarms = seen["serving_drift_alarm"]
    assert 0.5 < np.mean(alarms) < 0.95  # never 40 in a row, which a `for` of ten minutes would ask
    assert fires(seen, 29, tmp_path)
    assert AlertRule.read().fires([alarm > 0 for alarm in alarms], SCRAPE_S)


@needs_prometheus
def test_traffic_like_the_reference_fires_nothing(tmp_path: Path) -> None:
    seen = scraped(shift=0.0, minutes=30, seed=2)
    assert not fires(seen, 29, tmp_path)
