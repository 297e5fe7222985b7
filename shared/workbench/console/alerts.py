"""The alert rules, evaluated here as Prometheus evaluates them: pending while they have not held for long enough."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.console.history import History
from workbench.observe.promql import Grid, QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workbench.observe.promql import Alert, Evaluator, Labels, Samples
    from workbench.observe.promql.series import Matcher

__all__ = ["AlertBoard", "Raised"]

_WITH = re.compile(r"\{\{-?\s*with \$labels\.(\w+)\s*-?\}\}(.*?)\{\{-?\s*end\s*-?\}\}", re.DOTALL)
_ITSELF = re.compile(r"\{\{\s*\.\s*\}\}")
_LABEL = re.compile(r"\{\{\s*\$labels\.(\w+)\s*\}\}")
_VALUE = re.compile(r"\{\{\s*\$value\b[^}]*\}\}")


@dataclass(frozen=True)
class Raised:
    """An alert whose expression has a value.

    Attributes:
        name: of the rule.
        labels: of the series that has the value, with the rule's own.
        summary: the rule's sentence, filled in.
        runbook: where it says what to do, if it does.
        since: the moment at which its expression began to have a value, in seconds since 1970.
        firing: whether it has had one for as long as the rule asks.
    """

    name: str
    labels: Mapping[str, str]
    summary: str
    runbook: str
    since: float
    firing: bool


class AlertBoard:
    """Which alerts are pending or firing; also a source of the metric ``ALERTS``, as Prometheus is.

    Args:
        rules: the alerts.
        evaluator: evaluates their expressions.
    """

    def __init__(self, rules: Sequence[Alert], evaluator: Evaluator) -> None:
        self._rules, self._evaluator = rules, evaluator
        self._since: dict[tuple[str, Labels], float] = {}
        self._history = History()
        self.raised: list[Raised] = []
        self.problems: list[str] = []

    def evaluate(self, now: float) -> None:
        """Brings the alerts up to date; a rule that cannot be evaluated is one of the `problems`."""
        raised, since, problems = [], {}, []
        evaluator = self._evaluator.remembering()
        for rule in self._rules:
            try:
                active = list(_active(evaluator, rule, now))
            except QueryError as error:
                problems.append(f"{rule.name}: {error}")
                continue
            for labels, value in active:
                began = self._since.get((rule.name, labels), now)
                since[rule.name, labels] = began
                raised.append(_raised(rule, dict(labels), value, began, firing=now - began >= rule.hold_s))
        self._since, self.raised, self.problems = since, raised, problems
        self._record(now)

    def select(
        self, name: str, matches: Sequence[Matcher], start: float, end: float, apart_s: float
    ) -> Iterator[Samples]:
        """The samples of ``ALERTS``."""
        return self._history.select(name, matches, start, end, apart_s)

    def _record(self, now: float) -> None:
        places = {}
        for alert in self.raised:
            state = "firing" if alert.firing else "pending"
            labels = {**alert.labels, "__name__": "ALERTS", "alertname": alert.name, "alertstate": state}
            key = tuple(sorted(labels.items()))
            place = self._history.row(str(key))
            places[self._history.enter(str(key), key) if place is None else place] = 1.0
        self._history.add(now, places)


def _active(evaluator: Evaluator, rule: Alert, now: float) -> Iterator[tuple[Labels, float]]:
    frame = evaluator.evaluate(rule.expression, Grid(now)).nameless()
    for row, labels in enumerate(frame.labels):
        if frame.there[row, 0]:
            yield labels, float(frame.values[row, 0])


def _raised(rule: Alert, labels: dict[str, str], value: float, since: float, *, firing: bool) -> Raised:
    summary = rule.annotations.get("summary", rule.name)
    summary = _WITH.sub(lambda found: _ITSELF.sub(labels[found[1]], found[2]) if labels.get(found[1]) else "", summary)
    summary = _LABEL.sub(lambda found: labels.get(found[1], ""), _VALUE.sub(f"{value:.3g}", summary))
    runbook = rule.annotations.get("runbook_url", "")
    return Raised(rule.name, {**labels, **rule.labels}, summary, runbook, since, firing)
