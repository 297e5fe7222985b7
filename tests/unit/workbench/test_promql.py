from __future__ import annotations

import numpy as np
import pytest

from tests.sampled_series import Memory
from workbench.observe.promql import Evaluator, Grid, QueryError, Recording, Rules

NAN = float("nan")
SCRAPED = np.arange(0.0, 100.0, 10.0)
SERIES = {
    (("__name__", "requests_total"), ("code", "200"), ("pod", "a")): [0.0, 10, 20, 30, 5, 15, 25, 35, 45, 55],
    (("__name__", "requests_total"), ("code", "500"), ("pod", "a")): [NAN, NAN, 0.0, 1, 2, 3, 4, 5, 6, 7],
    (("__name__", "requests_total"), ("code", "200"), ("pod", "b")): [7.0, 7, 7, 7, NAN, NAN, NAN, NAN, NAN, NAN],
    (("__name__", "pods"), ("pod", "a")): [1.0] * 10,
    (("__name__", "pods"), ("pod", "b")): [1.0] * 10,
}
MEMORY = Memory(SERIES, SCRAPED)
RULES = Rules(
    {"pod:requests:rate": [Recording("pod:requests:rate", "sum by (pod) (rate(requests_total[40s]))", {"by": "rule"})]}
)
EXPRESSIONS = [
    "requests_total",
    "sum by (code) (rate(requests_total[30s]))",
    "increase(requests_total[35s])",
    "max_over_time(requests_total[25s])",
    'requests_total{code="200"} > 6',
    "sum(requests_total) or vector(0)",
    "absent(requests_total)",
    "requests_total / on (pod) group_left () pods",
    "pods unless on (pod) requests_total",
    "pod:requests:rate * 2",
    "pod:requests:rate offset 20s",
    "max_over_time(pod:requests:rate[1m])",
    "-sum(requests_total) + time()",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_grid_has_the_values_of_its_moments_one_by_one(expression: str) -> None:
    evaluator, grid = Evaluator(MEMORY, RULES), Grid(-5.0, 7.0, 20)
    whole = evaluator.evaluate(expression, grid)
    for moment, time in enumerate(grid.times):
        single = evaluator.evaluate(expression, Grid(time))
        expected = {labels: single.values[row, 0] for row, labels in enumerate(single.labels) if single.there[row, 0]}
        held = {
            labels: whole.values[row, moment] for row, labels in enumerate(whole.labels) if whole.there[row, moment]
        }
        assert held == pytest.approx(expected), f"at {time:g} s"


def test_a_series_that_the_last_scrape_did_not_show_is_gone_at_once() -> None:
    pods = Evaluator(MEMORY).evaluate('requests_total{pod="b"}', Grid(35.0, 10.0, 2))
    assert pods.there.tolist() == [[True, False]]


def test_a_restart_of_a_counter_is_made_good() -> None:
    grown = Evaluator(MEMORY).evaluate('increase(requests_total{code="200", pod="a"}[20s])', Grid(45.0))
    assert grown.values[0, 0] == pytest.approx((5.0 + 0) * 2), (
        "30 to 5 is a restart and 5 requests, in half of the window"
    )


def test_a_sample_as_old_as_the_window_is_outside() -> None:
    assert Evaluator(MEMORY).evaluate("count_over_time(pods[20s])", Grid(50.0)).values.tolist() == [[2.0], [2.0]]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("sum(", "sum("),
        ("topk(3, pods)", "topk: not evaluated here; there are avg, count"),
        ("deriv(pods[1m])", "deriv: this function is not evaluated here"),
        ("rate(pods[1m:5s])", "expected a metric with a range"),
        ("pods @ 5", "the @ modifier is not evaluated here"),
        ('{pod="a"}', "a selector without a metric's name"),
        ('"a"', "is a text, not a series"),
        ("requests_total * on () pods", "several series of one side meet the same series of the other"),
    ],
)
def test_what_is_not_evaluated_is_named(expression: str, said: str) -> None:
    with pytest.raises(QueryError) as error:
        Evaluator(MEMORY).evaluate(expression, Grid(25.0))
    assert said in str(error.value)
