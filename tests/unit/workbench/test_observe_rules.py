"""The alerts keep their promises: each says what, why and what to do, and is tested both ways."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.prometheus_program import find, needs_prometheus
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ROOT / "infra" / "prometheus"

Rule = dict[str, Any]


def rules() -> Iterator[Rule]:
    for file in sorted((FOLDER / "rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def expected_alerts(alert: str) -> Iterator[list[dict[str, str]]]:
    """The labels of the alerts that each test case of an alert expects; an empty list where it expects none."""
    file = FOLDER / "tests" / f"{alert}.yaml"
    for test in yaml.safe_load(file.read_text())["tests"] if file.exists() else []:
        for case in test["alert_rule_test"]:
            assert case["alertname"] == alert, f"{file.name} tests {case['alertname']}: one file for each alert"
            yield [expected["exp_labels"] for expected in case["exp_alerts"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
each_alert = pytest.mark.parametrize(
    "rule", ALERTS, ids=[" ".join([rule["alert"], *rule["labels"].values()]) for rule in ALERTS]
)


@each_alert
def test_an_alert_says_what_it_is_how_urgent_and_what_to_do(rule: Rule) -> None:
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook_url"] == f"infra/prometheus/runbooks/{rule['alert']}.md"


@each_alert
def test_an_alert_has_a_runbook_with_a_query_to_begin_with(rule: Rule) -> None:
    text = (ROOT / rule["annotations"]["runbook_url"]).read_text()
    headings = re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE)
    assert text.startswith(f"# {rule['alert']}\n")
    assert headings == ["Meaning", "First look", "Likely causes", "Action"]
    assert re.search(r"^    \S", text, re.MULTILINE)


@each_alert
def test_an_alert_has_a_firing_test(rule: Rule) -> None:
    assert any(rule["labels"].items() <= alert.items() for alerts in expected_alerts(rule["alert"]) for alert in alerts)


@each_alert
def test_an_alert_has_a_quiet_test(rule: Rule) -> None:
    assert any(
        not any(rule["labels"].items() <= alert.items() for alert in alerts)
        for alerts in expected_alerts(rule["alert"])
    )


def test_every_runbook_and_every_test_belongs_to_an_alert() -> None:
    names = {rule["alert"] for rule in ALERTS}
    assert {file.stem for file in (FOLDER / "runbooks").glob("*.md")} == names
    assert {file.stem for file in (FOLDER / "tests").glob("*.yaml")} - {"recording"} == names


def test_one_selector_leaves_out_probes_and_scrapes_in_every_recording_rule() -> None:
    expressions = [rule["expr"] for rule in rules() if "record" in rule]
    selectors = [re.findall(r'endpoint!~"([^"]*)"', expr) for expr in expressions if "serving_request" in expr]
    series = r"(?:serving_request_duration_seconds_(?:count|bucket)|serving_requests_total)\{"
    counts = [len(re.findall(series, expr)) for expr in expressions]
    assert len({selector for found in selectors for selector in found}) == 1
    assert sum(map(len, selectors)) == sum(counts)


def test_links_between_runbooks_lead_somewhere() -> None:
    for file in (FOLDER / "runbooks").glob("*.md"):
        for link in re.findall(r"\]\(([^)]+)\)", file.read_text()):
            assert (file.parent / link).is_file(), f"{file.name}: {link}"


@needs_prometheus
def test_promtool_accepts_the_configuration_and_every_rule() -> None:
    done = promtool("check", "config", "--lint-fatal", str(FOLDER / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_prometheus
def test_promtool_agrees_with_every_firing_and_quiet_case() -> None:
    done = promtool("test", "rules", *map(str, sorted((FOLDER / "tests").glob("*.yaml"))))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_the_queries_of_the_runbooks_are_promql(tmp_path: Path) -> None:
    groups = []
    for file in sorted((FOLDER / "runbooks").glob("*.md")):
        queries = re.findall(r"^    (\S.*)$", file.read_text(), re.MULTILINE)
        rules = [{"record": f"{file.stem}:{n}", "expr": query} for n, query in enumerate(queries)]
        groups.append({"name": file.stem, "rules": rules})
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": groups}))
    done = promtool("check", "rules", "--lint=none", str(path), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def promtool(*arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    program = find("promtool", folder)
    assert program
    return subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
