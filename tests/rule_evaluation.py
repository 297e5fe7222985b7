"""What the real rules make of expositions: promtool takes them for scrapes, a minute apart."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from tests.prometheus_program import find
from tests.rated_series import samples
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["evaluate", "have_data"]

_RULES = ("recording", "slo", "pipeline")
_GROUPS = ["requests", "slo-short-windows", "pipeline", "pipeline-steps"]


def evaluate(folder: Path, scrapes: list[str], query: str) -> float:
    """The sum of a query's series a minute after the first of two scrapes.

    Raises:
        AssertionError: the query has no series.
    """
    said = _promtool(folder, _series(scrapes, {}), [{"expr": f"sum({query})", "eval_time": "1m", "exp_samples": []}])
    got = re.search(r"got:\s*\{\} (\S+)", said)
    assert got, f"{query}: no series: {said}"
    return round(float(got[1].lower().removesuffix("e+00")), 6)


def have_data(folder: Path, scrapes: list[str], queries: list[str], **scraped: str) -> str:
    """What promtool says of the queries that have no series a minute after the first of two scrapes; "" of none.

    Args:
        folder: where the test is written.
        scrapes: two expositions.
        queries: PromQL.
        scraped: the labels that Prometheus adds at a scrape.
    """
    one = [{"labels": "{}", "value": 1}]
    tests = [{"expr": f"count({query}) > bool 0", "eval_time": "1m", "exp_samples": one} for query in queries]
    said = _promtool(folder, _series(scrapes, scraped), tests)
    return "" if "SUCCESS" in said else said


def _series(scrapes: list[str], scraped: dict[str, str]) -> list[dict[str, str]]:
    series: dict[str, list[str]] = {}
    for number, text in enumerate(scrapes):
        for name, labels, value in samples(text):
            shown = sorted((labels | scraped).items())
            key = f"{name}{{{','.join(f'{label}={_quoted(text)}' for label, text in shown)}}}"
            series.setdefault(key, ["_"] * number).append(f"{value:g}")
    return [{"series": key, "values": " ".join(values)} for key, values in series.items()]


def _promtool(folder: Path, series: list[dict[str, str]], tests: list[dict[str, Any]]) -> str:
    document = {
        "rule_files": [str(ROOT / "infra" / "prometheus" / "rules" / f"{name}.yaml") for name in _RULES],
        "evaluation_interval": "1m",
        "group_eval_order": _GROUPS,
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}],
    }
    file = folder / "scrapes.yaml"
    file.write_text(yaml.safe_dump(document))
    program = find("promtool", folder)
    assert program
    done = subprocess.run([*program, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
