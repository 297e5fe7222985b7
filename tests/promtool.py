"""What promtool, which has Prometheus' own evaluation, says of the alerts when it is given counts minute by minute."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from tests.prometheus_program import find
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["agree", "minutes"]

_RULES = ROOT / "infra" / "prometheus" / "rules"


def minutes(name: str, counts: Iterable[float]) -> dict[str, Any]:
    """A series as promtool takes it: nothing at first, then a count a minute."""
    return {"series": name, "values": " ".join(f"{count:.0f}" for count in (0, *counts))}


def agree(
    folder: Path, names: Sequence[str], series: list[dict[str, Any]], expected: Mapping[str, NDArray[np.bool_]]
) -> None:
    """Fails unless promtool finds each alert at the looks where it is expected.

    Args:
        folder: for its test.
        names: of the files of rules.
        series: what is counted, see `minutes`.
        expected: whether each alert fires, minute by minute.
    """
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
    files = [_RULES / f"{name}.yaml" for name in names]
    test = {
        "rule_files": list(map(str, files)),
        "evaluation_interval": "1m",
        "group_eval_order": [group["name"] for file in files for group in yaml.safe_load(file.read_text())["groups"]],
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": looks}],
    }
    (folder / "agree.yaml").write_text(yaml.safe_dump(test))
    program = find("promtool", folder)
    assert program
    command = [*program, "test", "rules", str(folder / "agree.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
