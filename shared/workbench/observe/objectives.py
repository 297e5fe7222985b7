"""What each level promises, from its ``sla.toml``: what the rules alert on and what the dashboards draw."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from servekit.telemetry.metrics import LATENCY_BUCKETS
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CANARY_ERRORS",
    "ERROR_BUDGET",
    "LEAST_SPENT",
    "CanaryErrors",
    "Objective",
    "objective",
    "objectives",
    "rules",
]

_HEADER = """\
# Made by `make dashboards` from each level's sla.toml; changes here are lost. Over 30 days 99.9 % of the requests do
# not fail, and 99 % of those take at most what the level promises: they are in the histogram's bucket of that le.
# What an alert takes for evidence is here as well: a share of few requests is none.
"""
ERROR_BUDGET, _SLOW_BUDGET = 0.001, 0.01
LEAST_SPENT = 10
"""Failures, or slow requests, that the long window of a burn must hold: a share of fewer is no evidence."""


class CanaryErrors(NamedTuple):
    """What the alert of that name takes for evidence that a version fails more often than the stable one.

    Attributes:
        margin: by how much its share of failures must be higher, in the long window and in the short one.
        sigmas: by how many standard errors, in the long window. Far more than one look would need, for it is looked at
            four times a minute, all day long.
        failures: how many it must have had: a burst of a few has one cause, and need not be the version's.
        requests: how many both versions must have had.
        for_s: seconds for which all of it must hold.
    """

    margin: float = 0.02
    sigmas: float = 4.0
    failures: int = 5
    requests: int = 30
    for_s: int = 120


CANARY_ERRORS = CanaryErrors()


@dataclass(frozen=True)
class Objective:
    """A level's latency objective: 99 % of what does not fail takes at most ``latency_s`` seconds."""

    level: str
    latency_s: float

    @property
    def latency(self) -> str:
        """As it is said, e.g. ``50 ms``."""
        return f"{self.latency_s * 1e3:g} ms"


def objectives(root: Path = ROOT) -> list[Objective]:
    """Of every level that has an ``sla.toml``, in their order.

    Raises:
        ValueError: a promise is no bound of a histogram's bucket, so whether it is kept could not be counted.
    """
    return [_read(path) for path in sorted(root.glob("0*-*/sla.toml"))]


def objective(level: str, root: Path = ROOT) -> Objective:
    """Of one level; `LookupError` when it has no ``sla.toml``."""
    for each in objectives(root):
        if each.level == level:
            return each
    raise LookupError(f"level {level}: no 0{level}-*/sla.toml in {root}")


def rules(root: Path = ROOT) -> str:
    """The text of ``infra/prometheus/rules/objectives.yaml``: the budgets and objectives as series."""
    groups = [
        {"name": "slo-objectives", "rules": [rule for each in objectives(root) for rule in _series(each)]},
        {"name": "canary-evidence", "rules": _evidence(CANARY_ERRORS)},
    ]
    return _HEADER + yaml.safe_dump({"groups": groups}, sort_keys=False)


def _series(each: Objective) -> list[dict[str, Any]]:
    level = {"level": each.level}
    return [
        {"record": "level:serving_errors:budget", "expr": f"vector({ERROR_BUDGET})", "labels": level.copy()},
        {"record": "level:serving_slow:budget", "expr": f"vector({_SLOW_BUDGET})", "labels": level.copy()},
        {"record": "level:serving_budget:least_spent", "expr": f"vector({LEAST_SPENT})", "labels": level.copy()},
        {
            "record": "level:serving_latency:objective_seconds",
            "expr": f"vector({each.latency_s})",
            "labels": level.copy(),
        },
        {
            "record": "level_le:serving_latency:objective",
            "expr": "vector(1)",
            "labels": {**level, "le": str(each.latency_s)},
        },
    ]


def _evidence(needed: CanaryErrors) -> list[dict[str, Any]]:
    return [
        {"record": "canary:serving_errors:margin", "expr": f"vector({needed.margin})"},
        {"record": "canary:serving_errors:least_sigmas", "expr": f"vector({needed.sigmas})"},
        {"record": "canary:serving_failures:least", "expr": f"vector({needed.failures})"},
        {"record": "canary:serving_requests:least", "expr": f"vector({needed.requests})"},
    ]


def _read(path: Path) -> Objective:
    promised = tomllib.loads(path.read_text(encoding="utf-8"))
    latency_s = promised["thresholds"]["p99_ms"] / 1e3
    if latency_s not in LATENCY_BUCKETS:
        bounds = ", ".join(f"{bound * 1e3:g}" for bound in LATENCY_BUCKETS)
        raise ValueError(f"{path}: p99_ms {latency_s * 1e3:g}: expected the bound of a bucket, one of {bounds}")
    return Objective(str(promised["level"]), latency_s)
