"""Level 2's rules, panels and runbooks on what Seldon's real executor shows, which counts less than the router does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.prometheus_process import queries
from tests.prometheus_program import needs_prometheus
from tests.rated_series import samples
from tests.rule_evaluation import evaluate, have_data
from workbench.versions import ROOT

PROMETHEUS = ROOT / "infra" / "prometheus"
RECORDED = Path(__file__).with_name("executor-1.17.1.prom").read_text()
SCRAPED = {"job": "recommender/recommender", "instance": "10.0.0.9:8000", "namespace": "recommender"}
COUNTS = re.compile(r"^(seldon_\S+_(?:count|bucket|sum)\{.*\}) (\S+)$", re.MULTILINE)
FAILURES = 'seldon_api_executor_server_requests_seconds_count{code="500",deployment_name="recommender",method="post",\
predictor_name="default",predictor_version="1",service="predictions"}'
STEPS = ("preprocessor", "model", "postprocessor")
# They have series only while a step does not answer; `test_a_step_that_does_not_answer_is_named` looks at them.
ONLY_THEN = {"predictor:seldon_failures_unexplained:rate5m", "step:seldon_calls_unanswered:rate5m"}


def after(*answered: str, failed: int = 0) -> str:
    """The exposition after twice as many requests, of which these steps answered all, and after some failures."""

    def counted(series: str, value: str) -> str:
        step = re.search(r'model_name="(\w+)"', series)
        grown = step is None or step[1] in answered
        return f"{series} {float(value) * (2 if grown else 1):g}"

    return COUNTS.sub(lambda found: counted(found[1], found[2]), RECORDED) + f"{FAILURES} {failed}\n"


def rules() -> list[Any]:
    groups = yaml.safe_load((PROMETHEUS / "rules" / "pipeline.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def runbooks() -> list[str]:
    """The queries of the pipeline's runbooks that ask the executor, of every code and not of failures alone."""
    files = [ROOT / rule["annotations"]["runbook_url"] for rule in rules() if "alert" in rule]
    found = [query for file in files for query in re.findall(r"^    (\S.*)$", file.read_text(), re.MULTILINE)]
    asked = [query.replace("[1m]", "[5m]") for query in found if "seldon_api" in query]
    return [re.sub(r', code=~"[^"]*"|code!~"[^"]*"', "", query) for query in asked]


@needs_prometheus
def test_every_rule_panel_and_runbook_has_data_from_the_executor(tmp_path: Path) -> None:
    recorded = [rule["expr"] for rule in rules() if "record" in rule and rule["record"] not in ONLY_THEN]
    panels = [expr.replace("[10s]", "[5m]") for _, expr in queries("level-2")]
    assert len(recorded) > 6
    assert len(panels) > 15
    assert len(runbooks()) > 3
    both = [RECORDED, after(*STEPS)]
    assert have_data(tmp_path, both, [*recorded, *panels, *runbooks()], **SCRAPED) == ""


def test_the_recorded_text_is_the_executors_and_not_the_routers() -> None:
    shown = samples(RECORDED)
    assert {labels["le"] for name, labels, _ in shown if name.endswith("_bucket")} >= {"1", "+Inf"}
    assert not [name for name, *_ in shown if name.startswith("seldon_router_")]


@needs_prometheus
@pytest.mark.parametrize(("gone", "answered"), [(step, STEPS[:place]) for place, step in enumerate(STEPS)])
def test_a_step_that_does_not_answer_is_named(tmp_path: Path, gone: str, answered: tuple[str, ...]) -> None:
    """Seen on a cluster: of a step that was gone, requests failed and the executor counted no call."""
    both = [RECORDED + f"{FAILURES} 0\n", after(*answered, failed=3)]
    unanswered = "300 * step:seldon_calls_unanswered:rate5m"
    assert evaluate(tmp_path, both, f'{unanswered}{{model_name="{gone}"}}') > 0
    assert have_data(tmp_path, both, [f'absent({unanswered}{{model_name!="{gone}"}})']) == ""


def test_the_rules_know_the_order_in_which_the_graph_calls_its_steps() -> None:
    deployment = yaml.safe_load(
        (ROOT / "02-intermediate-seldon-pipeline" / "deploy" / "base" / "seldondeployment.yaml").read_text()
    )
    for predictor in deployment["spec"]["predictors"]:
        assert called(predictor["graph"]) == list(STEPS)
    (passed_on,) = [rule["expr"] for rule in rules() if rule.get("record") == "step:seldon_calls_passed_on:rate5m"]
    renamed = re.findall(r'"model_name", "(\w+)", "model_name", "(\w+)"', passed_on)
    assert renamed == [(STEPS[2], STEPS[1]), (STEPS[1], STEPS[0])]
    (first,) = [rule["expr"] for rule in rules() if rule.get("record") == "step:seldon_calls_unanswered:rate5m"]
    assert re.findall(r'"model_name", "(\w+)", "", ""', first) == [STEPS[0]]


def called(unit: dict[str, Any]) -> list[str]:
    """The units of a chain in the order of their calls."""
    below = [name for child in unit.get("children", []) for name in called(child)]
    return [*below, unit["name"]] if unit["type"] == "OUTPUT_TRANSFORMER" else [unit["name"], *below]
