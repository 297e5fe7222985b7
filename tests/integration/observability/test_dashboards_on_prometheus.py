from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from servekit.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATA_WITHIN_S = 30.0


def queries(dashboard: str) -> Iterator[tuple[str, str]]:
    """Title of the panel and PromQL of each of its queries, with Grafana's variables filled in."""
    file = ROOT / "infra" / "grafana" / "dashboards" / f"{dashboard}.json"
    for panel in json.loads(file.read_text())["panels"]:
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$__rate_interval", "10s").replace("$level", ".*").replace("$model", ".*")
            yield f"{panel['title']} {target['refId']}", expr


def ask(url: str, expr: str) -> list[Any]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expr}, trust_env=False).json()
    assert answer["status"] == "success", answer["error"]
    found: list[Any] = answer["data"]["result"]
    return [series for series in found if series["value"][1] != "NaN"]


@pytest.mark.parametrize(("title", "expr"), list(queries("level-1")), ids=lambda text: text if len(text) < 40 else "")
def test_every_query_of_level_1s_dashboard_returns_data_from_the_running_level(
    prometheus: str, title: str, expr: str
) -> None:
    deadline = time.monotonic() + _DATA_WITHIN_S
    while not ask(prometheus, expr):
        assert time.monotonic() < deadline, f"{title}: no data from {expr}"
        time.sleep(0.5)


def test_prometheus_accepts_every_query_of_the_overview(prometheus: str) -> None:
    for _, expr in queries("serving-overview"):
        ask(prometheus, expr)


def test_the_overview_shows_the_running_model(prometheus: str) -> None:
    exprs = dict(queries("serving-overview"))
    for title in ("Requests A", "p99 A", "Error budget burn A", "Rate A", "Errors A", "Durations A", "Memory A"):
        assert ask(prometheus, exprs[title]), title


def test_every_rule_is_evaluated_without_an_error(prometheus: str) -> None:
    groups = httpx.get(f"{prometheus}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 40
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []


def test_a_level_that_answers_is_no_target_down(prometheus: str) -> None:
    assert [series["value"][1] for series in ask(prometheus, 'up{job="iris-api"}')] == ["1"]
    assert ask(prometheus, 'ALERTS{alertname="TargetDown"}') == []
