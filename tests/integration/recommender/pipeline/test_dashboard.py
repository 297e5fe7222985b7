"""Level 2's dashboard and alerts on a real Prometheus that scrapes the running pipeline under load."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.recommender.pipeline.conftest import PREDICTIONS
from tests.patience import until
from tests.ports import free_ports
from tests.prometheus_process import ask, queries, scraping, wait_for_data

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    stop = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=level.client.base_url, timeout=30, trust_env=False) as client:
            while not stop.wait(0.1):
                for payload in PAYLOADS:
                    client.post(PREDICTIONS, json={"jsonData": payload})

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with scraping(tmp_path_factory.mktemp("prometheus"), free_ports(1)[0], targets) as url:
            yield url
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(("title", "expr"), list(queries("level-2")), ids=lambda text: text if len(text) < 40 else "")
def test_every_query_of_the_dashboard_returns_data_from_the_running_level(
    prometheus: str, title: str, expr: str
) -> None:
    wait_for_data(prometheus, title, expr)


def test_the_panels_tell_stable_from_canary_and_one_step_from_another(prometheus: str) -> None:
    exprs = dict(queries("level-2"))
    until_all(prometheus, exprs["Share of requests A"], "predictor_name", {"default", "canary"})
    until_all(prometheus, exprs["Copies to shadows A"], "predictor_name", {"shadow"})
    until_all(prometheus, exprs["Steps, mean A"], "model_name", {"preprocessor", "model", "postprocessor"})
    (success,) = ask(prometheus, exprs["Success A"])
    assert float(success["value"][1]) == 1  # what makes no sense is refused, which is no failure


def test_the_objectives_are_judged_by_the_levels_own_promise(prometheus: str) -> None:
    (slow,) = wait_for_data(prometheus, "slow", 'level:serving_slow:ratio_rate5m{level="2"}')
    assert 0 <= float(slow["value"][1]) <= 1
    (promise,) = ask(prometheus, 'level:serving_latency:objective_seconds{level="2"}')
    assert promise["value"][1] == "0.1"


def test_every_target_is_up_and_no_alert_of_the_pipeline_is_raised(prometheus: str) -> None:
    up, all_up = 'up{job=~"recommender.*"}', ["1"] * (1 + len(STEPS))
    until(lambda: [series["value"][1] for series in ask(prometheus, up)] == all_up, up)
    for alert in ("PipelineSuccessLow", "StepFailing", "StockStale", "TargetDown"):
        assert ask(prometheus, f'ALERTS{{alertname="{alert}"}}') == []


def until_all(url: str, expr: str, label: str, expected: set[str]) -> None:
    """Waits until the series of a query have these values of a label."""
    until(lambda: {series["metric"].get(label) for series in ask(url, expr)} == expected, f"{label} {expected}")
