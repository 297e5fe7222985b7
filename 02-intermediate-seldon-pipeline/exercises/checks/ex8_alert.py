"""What exercise 8 must do: the rule is evaluated, every 15 seconds, on an hour of samples of each story."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import yaml

from course.exercises import CheckFailedError, expect, expect_equal
from workbench.observe.promql import Evaluator, Grid, QueryError, Samples, read_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from workbench.observe.promql import Alert
    from workbench.observe.promql.series import Matcher

METRIC = "seldon_api_executor_server_requests_seconds_count"
EVERY_S, MINUTES = 15, 60
BEGINS, LATEST = 20, 27
HALF_FAIL, QUIET_BY = range(10, 20), 26


class Hour:
    """An hour of the router's counters, scraped every 15 s: requests a second by service and code, minute by minute."""

    def __init__(self, story: Callable[[int], dict[tuple[str, str], float]]) -> None:
        self._times = np.arange(0.0, MINUTES * 60, EVERY_S)
        keys = sorted({key for minute in range(MINUTES) for key in story(minute)})
        rates = np.array([[story(int(time // 60)).get(key, 0.0) for time in self._times] for key in keys])
        self._values = np.floor(np.cumsum(rates * EVERY_S, axis=1))
        self._labels = [tuple(sorted({"__name__": METRIC, "service": s, "code": c}.items())) for s, c in keys]

    def select(
        self, name: str, matches: Sequence[Matcher], start: float, end: float, apart_s: float
    ) -> Iterator[Samples]:
        """Gives the samples of its counters within the time."""
        del apart_s
        rows = [row for row, labels in enumerate(self._labels) if all(match(dict(labels)) for match in matches)]
        if name == METRIC and rows:
            held = (self._times >= start) & (self._times <= end)
            yield Samples([self._labels[row] for row in rows], self._times[held], self._values[rows][:, held])


def check_it_is_an_alert_that_pages(answer: Path) -> None:
    rule = _rule(answer)
    expect_equal("the severity", rule.labels.get("severity"), "page")
    expect("TODO" not in rule.annotations.get("summary", "TODO"), "summary: expected a sentence for who is woken")


def check_it_fires_within_minutes_when_the_pipeline_fails(answer: Path) -> None:
    for share in (0.1, 1.0):
        fired = _fires(answer, partial(_broken, share))
        expect(bool(fired), f"{share:.0%} of 20 requests a second fail from minute 20 on: expected it to fire")
        expect(
            BEGINS < fired[0] <= LATEST,
            f"{share:.0%} fail from minute 20 on, it fires in minute {fired[0]:g}: expected 21 to 27",
        )


def check_it_waits_two_minutes(answer: Path) -> None:
    expect_equal("for", _rule(answer).hold_s, 120.0)


def check_it_stops_when_the_pipeline_works_again(answer: Path) -> None:
    fired = _fires(answer, lambda minute: _asked(20, 0.5 if minute in HALF_FAIL else 0))
    expect(
        bool(fired) and fired[-1] <= QUIET_BY,
        f"half fail in minutes 10 to 19, it fires in {_shown(fired)}: expected it to end by 26",
    )


def check_a_quiet_night_wakes_nobody(answer: Path) -> None:
    stories: dict[str, Callable[[int], dict[tuple[str, str], float]]] = {
        "nobody asks": lambda _: {("predictions", "200"): 0.0},
        "one of the three requests of a quiet hour fails": lambda m: {
            ("predictions", "200"): 1 / 60 if m in {10, 40} else 0,
            ("predictions", "500"): 1 / 60 if m == BEGINS else 0,
        },
        "3 % of the requests fail": lambda _: _asked(20, 0.03),
        "half of the callers send nonsense": lambda _: {("predictions", "200"): 10, ("predictions", "400"): 10},
        "the probes fail and the requests do not": lambda _: {**_asked(20, 0), ("ready", "503"): 5},
    }  # fmt: skip
    for story, rates in stories.items():
        fired = _fires(answer, rates)
        expect(not fired, f"{story}: it fires in {_shown(fired)}: expected it to stay quiet")


def check_probes_do_not_hide_a_failure(answer: Path) -> None:
    fired = _fires(answer, lambda _: {**_asked(2, 0.2), ("ready", "200"): 100})
    expect(bool(fired), "a fifth of the requests fail beside many probes: expected it to fire")


def _broken(share: float, minute: int) -> dict[tuple[str, str], float]:
    return _asked(20, share if minute >= BEGINS else 0)


def _asked(rate: float, failing: float) -> dict[tuple[str, str], float]:
    return {("predictions", "200"): rate * (1 - failing), ("predictions", "500"): rate * failing}


def _fires(answer: Path, story: Callable[[int], dict[tuple[str, str], float]]) -> list[float]:
    """The minutes in which the alert fires."""
    rule = _rule(answer)
    grid = Grid(0.0, EVERY_S, MINUTES * 60 // EVERY_S)
    try:
        active = Evaluator(Hour(story)).evaluate(rule.expression, grid).anywhere()[0]
    except QueryError as error:
        raise CheckFailedError(f"expr: {error}") from None
    since, fired = None, []
    for time, is_active in zip(grid.times, active, strict=True):
        since = (time if since is None else since) if is_active else None
        if since is not None and time - since >= rule.hold_s:
            fired.append(float(time / 60))
    return fired


def _shown(minutes: list[float]) -> str:
    return f"minutes {minutes[0]:g} to {minutes[-1]:g}" if minutes else "no minute"


def _rule(answer: Path) -> Alert:
    try:
        rules = read_rules([answer / "alert.yaml"]).alerts
    except (QueryError, KeyError, TypeError, yaml.YAMLError) as error:
        raise CheckFailedError(f"alert.yaml: {error}: expected one rule like the shipped one") from None
    expect_equal("the rules", [rule.name for rule in rules], ["PipelineFails"])
    return rules[0]
