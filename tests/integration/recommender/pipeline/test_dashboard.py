"""Level 2's dashboard and alerts on a real Prometheus that scrapes the running pipeline under load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.recommender.pipeline.conftest import PREDICTIONS
from tests.patience import until
from tests.ports import free_ports
from tests.prometheus_process import ask, busy, queries, scraping, wait_for_data, wait_for_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.integration.recommender.pipeline.conftest import Running

PAYLOADS = ({"user": 196}, {"user": 7, "genre": "Comedy"}, {"user": 1_000_000}, {"user": 196, "k": 0})
STEPS = ("preprocessor", "model", "model-2", "postprocessor")


@pytest.fixture(scope="module")
def prometheus(level: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus that scrapes the router and every step; requests come in all the time."""
    targets = {
        "recommender": [f"127.0.0.1:{level.ports['router']}"],
        "recommender-steps": [f"127.0.0.1:{level.ports[name] + 2}" for name in STEPS],
    }

    def send(client: httpx.Client, _: int) -> None:
        for payload in PAYLOADS:
            client.post(PREDICTIONS, json={"jsonData": payload})

    folder = tmp_path_factory.mktemp("prometheus")
    with busy(str(level.client.base_url), send), scraping(folder, free_ports(1)[0], targets) as url:
        yield url


@pytest.mark.parametrize(("title", "expr"), list(queries("level-2")), ids=lambda text: text if len(text) < 40 else "")
def test_every_query_of_the_dashboard_returns_data_from_the_running_level(
    prometheus: str, title: str, expr: str
) -> None:
    wait_for_data(prometheus, title, expr)


def test_the_panels_tell_stable_from_canary_and_one_step_from_another(prometheus: str) -> None:
    exprs = dict(queries("level-2"))
    wait_for_labels(prometheus, exprs["Share of requests A"], "predictor_name", {"default", "canary"})
    wait_for_labels(prometheus, exprs["Copies to shadows A"], "predictor_name", {"shadow"})
    wait_for_labels(prometheus, exprs["Steps, mean A"], "model_name", {"preprocessor", "model", "postprocessor"})
    (success,) = wait_for_data(prometheus, "Success A", exprs["Success A"])
    # A quarter makes no sense and is refused, which is no failure; a busy machine may fail one or two for minutes.
    assert float(success["value"][1]) > 0.9


def test_the_objectives_are_judged_by_the_levels_own_promise(prometheus: str) -> None:
    (slow,) = wait_for_data(prometheus, "slow", 'level:serving_slow:ratio_rate5m{level="2"}')
    assert 0 <= float(slow["value"][1]) <= 1
    (promise,) = wait_for_data(prometheus, "promise", 'level:serving_latency:objective_seconds{level="2"}')
    assert promise["value"][1] == "0.1"


def test_every_target_is_up_and_no_alert_of_the_pipeline_is_raised(prometheus: str) -> None:
    up, all_up = 'up{job=~"recommender.*"}', ["1"] * (1 + len(STEPS))
    until(lambda: [series["value"][1] for series in ask(prometheus, up)] == all_up, up)
    alerts = 'ALERTS{alertname=~"PipelineSuccessLow|StepFailing|StockStale|TargetDown",alertstate="firing"}'
    until(lambda: ask(prometheus, alerts) == [], alerts)  # a single stale answer raises one for a minute
