from __future__ import annotations

import httpx
import pytest

from tests.patience import until
from tests.prometheus_process import ask, queries, wait_for_data


@pytest.mark.parametrize(("title", "expr"), list(queries("level-1")), ids=lambda text: text if len(text) < 40 else "")
def test_every_query_of_level_1s_dashboard_returns_data_from_the_running_level(
    prometheus: str, title: str, expr: str
) -> None:
    wait_for_data(prometheus, title, expr)


def test_prometheus_accepts_every_query_of_the_overview(prometheus: str) -> None:
    for _, expr in queries("serving-overview"):
        ask(prometheus, expr)


def test_the_overview_shows_the_running_model(prometheus: str) -> None:
    exprs = dict(queries("serving-overview"))
    for title in ("Requests A", "p99 A", "Error budget burn A", "Rate A", "Errors A", "Durations A", "Memory A"):
        wait_for_data(prometheus, title, exprs[title])


def test_every_rule_is_evaluated_without_an_error(prometheus: str) -> None:
    groups = httpx.get(f"{prometheus}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 40
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []


def test_a_level_that_answers_is_no_target_down(prometheus: str) -> None:
    wait_for_data(prometheus, "up", 'up{job="iris-api"} == 1')
    # a scrape that took too long makes it pending until the next one
    until(lambda: not ask(prometheus, 'ALERTS{alertname="TargetDown"}'), "rid of the alert")
