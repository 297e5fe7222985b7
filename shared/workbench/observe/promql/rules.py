"""The recording and alerting rules that are written for Prometheus, read from their files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from workbench.observe.promql.series import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Alert", "Recording", "Rules", "read_rules"]

_UNITS_S = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Recording:
    """A rule that gives an expression a name; ``labels`` are added to each series."""

    name: str
    expression: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Alert:
    """A rule that fires once its expression has had a value for ``hold_s`` seconds."""

    name: str
    expression: str
    hold_s: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Rules:
    """All of them; ``recordings`` by name, in the order of the files."""

    recordings: dict[str, list[Recording]] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)


def read_rules(files: Iterable[Path]) -> Rules:
    """The rules in Prometheus' rule files.

    Raises:
        QueryError: a rule is neither of the two kinds, or its ``for`` has no unit that is known.
    """
    rules = Rules()
    for file in files:
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                _add(rules, rule, file)
    return rules


def _add(rules: Rules, rule: dict[str, Any], file: Path) -> None:
    labels = rule.get("labels", {})
    if "record" in rule:
        recording = Recording(rule["record"], str(rule["expr"]), labels)
        rules.recordings.setdefault(recording.name, []).append(recording)
    elif "alert" in rule:
        hold_s = _seconds(str(rule.get("for", "0s")), file)
        rules.alerts.append(Alert(rule["alert"], str(rule["expr"]), hold_s, labels, rule.get("annotations", {})))
    else:
        raise QueryError(f"{file}: a rule with {', '.join(rule)}: expected `record` or `alert`")


def _seconds(text: str, file: Path) -> float:
    if text[-1:] not in _UNITS_S or not text[:-1].isdecimal():
        raise QueryError(f"{file}: for: {text}: expected a number with s, m or h")
    return float(text[:-1]) * _UNITS_S[text[-1]]
