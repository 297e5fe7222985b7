"""The alerts on failures: how often they are right, by a simulation that agrees with Prometheus look by look."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from tests.prometheus_program import find, needs_prometheus
from workbench.observe.characteristics import (
    PAGES,
    Traffic,
    burns,
    canary_errors,
    characteristics,
    fires,
    simulated,
)
from workbench.observe.objectives import CANARY_ERRORS
from workbench.verdicts import SEED
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


RULES = ROOT / "infra" / "prometheus" / "rules"
LOOK_S = 60
WORSE = np.r_[np.full(30, 0.01), np.full(60, 0.25), np.full(60, 0.01)]
"""Of a canary's requests in 2.5 hours: for an hour a quarter fails."""


def test_each_alert_is_as_good_as_its_design_asks_for() -> None:
    rows = list(characteristics(SEED))
    assert [f"{row.verdict}, {row.truth}: {row.share}" for row in rows if not row.kept] == []
    assert {row.verdict for row in rows} == {"alert CanaryErrors", "alert ErrorBudgetBurn"}


def test_one_failure_in_34_requests_burns_no_budget() -> None:
    served = Traffic(np.arange(1.0, 35.0)[None], np.r_[np.zeros(20), np.ones(14)][None])
    assert served.share[0, -1] > 14.4 * 0.001
    assert not any(burns(served, burn, LOOK_S).any() for burn in PAGES.values())


CANARIES: dict[str, tuple[NDArray[np.float64], float]] = {
    "as good as the stable version, at the same rate": (np.full(150, 0.01), 0.5),
    "worse for an hour": (WORSE, 0.3),
    "worse for an hour, at the same rate": (WORSE, 0.5),
}
"""Of its requests, those that fail, minute by minute; requests a second, beside a stable version's 0.5."""


@needs_prometheus
@pytest.mark.parametrize("name", CANARIES)
def test_prometheus_says_the_same_of_a_canary_at_every_look(tmp_path: Path, name: str) -> None:
    stable, canary = versions(*CANARIES[name])
    alert = 'ALERTS{alertname="CanaryErrors",version="2",alertstate="firing"}'
    agree(tmp_path, ["objectives", "recording", "models"], [stable, canary], {alert: canary_fires(stable, canary)})


@needs_prometheus
def test_prometheus_says_the_same_of_the_budget_at_every_look(tmp_path: Path) -> None:
    shares = np.r_[np.full(60, 0.001), np.full(60, 0.05), np.full(60, 0.001), np.full(120, 0.02)]
    served = simulated(np.random.default_rng(7), 0.1, shares, LOOK_S, 1)
    alert = 'ALERTS{{alertname="ErrorBudgetBurn",window="{}",alertstate="firing"}}'
    expected = {alert.format(name): burns(served, burn, LOOK_S)[0] for name, burn in PAGES.items()}
    assert [sorted(set(fired.tolist())) for fired in expected.values()] == [[False, True], [False, True]]
    agree(tmp_path, ["objectives", "slo"], [served], expected)


def test_a_canary_that_is_worse_for_an_hour_is_paged_for_while_it_is() -> None:
    fired = canary_fires(*versions(*CANARIES["worse for an hour"]))
    assert not fired[:30].any()
    assert fired[45:90].all()
    assert fired[100:].mean() < 0.1


def versions(shares: NDArray[np.float64], rate: float) -> tuple[Traffic, Traffic]:
    """A stable version that fails 1 % of 0.5 requests a second, and a canary, over 2.5 hours."""
    rng = np.random.default_rng(7)
    return simulated(rng, 0.5, np.full(150, 0.01), LOOK_S, 1), simulated(rng, rate, shares, LOOK_S, 1)


def canary_fires(stable: Traffic, canary: Traffic) -> NDArray[np.bool_]:
    fired: NDArray[np.bool_] = fires(canary_errors(stable, canary, LOOK_S), CANARY_ERRORS.for_s // LOOK_S)[0]
    return fired


def agree(folder: Path, names: list[str], served: list[Traffic], expected: dict[str, NDArray[np.bool_]]) -> None:
    """Fails unless promtool, given the versions' counts, finds each alert at the looks where it is expected.

    Args:
        folder: for its test.
        names: of the files of rules.
        served: each version's counts, minute by minute.
        expected: whether each alert fires.
    """
    series = [line for number, counted in enumerate(served, start=1) for line in _series(str(number), counted)]
    looks = [
        {
            "expr": f"count({alert}) or vector(0)",
            "eval_time": f"{number}m",
            "exp_samples": [{"labels": "{}", "value": int(now)}],
        }
        for alert, fired in expected.items()
        for number, now in enumerate(fired, start=1)
        if len(set(fired[max(0, number - 3) : number + 2])) == 1  # versions of Prometheus count a window's edge apart
    ]
    assert len(looks) > 0.8 * sum(map(len, expected.values()))
    test = {
        "rule_files": [str(RULES / f"{name}.yaml") for name in names],
        "evaluation_interval": "1m",
        "group_eval_order": [
            group["name"] for name in names for group in yaml.safe_load((RULES / f"{name}.yaml").read_text())["groups"]
        ],
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": looks}],
    }
    (folder / "agree.yaml").write_text(yaml.safe_dump(test))
    program = find("promtool", folder)
    assert program
    command = [*program, "test", "rules", str(folder / "agree.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _series(version: str, counted: Traffic) -> Iterator[dict[str, Any]]:
    about = f'level="3",endpoint="/v1/search",model="ranking",version="{version}"'
    answered = counted.requests - counted.failures
    for result, counts in (("answered", answered), ("failed", counted.failures)):
        values = " ".join(f"{count:.0f}" for count in (0, *counts[0]))
        yield {"series": f'serving_requests_total{{{about},result="{result}"}}', "values": values}
