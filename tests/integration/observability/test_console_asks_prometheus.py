from __future__ import annotations

import time
from contextlib import closing

import pytest

from tests.patience import until
from tests.prometheus_process import wait_for_data
from workbench.console.remote import PrometheusServer
from workbench.observe.promql import Grid, QueryError


@pytest.mark.slow
def test_a_prometheus_that_runs_gives_the_consoles_figures(prometheus: str) -> None:
    wait_for_data(prometheus, "up", 'up{job="iris-api"}')
    with closing(PrometheusServer(prometheus)) as server:

        def last() -> list[tuple[str, float]]:
            """The job and the last value of each series that has one."""
            frame = server.evaluate('up{job="iris-api"}', Grid(time.time() - 5.0, 1.0, 6))
            series = zip(frame.labels, frame.values, frame.there, strict=True)
            return [(dict(labels)["job"], values[-1]) for labels, values, there in series if there[-1]]

        # a scrape that took too long makes it 0 until the next one
        until(lambda: last() == [("iris-api", 1.0)], lambda: f"not up: {last()}")


def test_what_prometheus_refuses_is_named(prometheus: str) -> None:
    with closing(PrometheusServer(prometheus)) as server, pytest.raises(QueryError, match="sum"):
        server.evaluate("sum(", Grid(time.time()))


def test_no_prometheus_is_an_error_and_no_empty_page() -> None:
    with (
        closing(PrometheusServer("http://127.0.0.1:9")) as server,
        pytest.raises(QueryError, match="Prometheus at http://127"),
    ):
        server.evaluate("up", Grid(time.time()))
