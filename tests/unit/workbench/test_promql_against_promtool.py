"""Every expression of the repository on random samples: our evaluation against that of Prometheus' own promtool."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import promql_parser as promql
import yaml

from tests.prometheus_program import find, needs_prometheus
from tests.sampled_series import Memory
from workbench.observe.promql import Evaluator, Grid, read_rules
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.observe.promql import Labels

RULES = sorted((ROOT / "infra" / "prometheus" / "rules").glob("*.yaml"))
SCRAPED_EVERY_S, SCRAPES, RULES_EVERY_S, ASKED_AT_S = 30, 149, 297, 4_455
"""Windows then end between two scrapes: which edge of theirs is open, versions of Prometheus answer differently."""
BUCKETS = ["0.005", "0.05", "0.1", "1", "+Inf"]
SERIES_OF_A_SELECTOR = 4
BUSY, RARE = 0.8, 0.2
RESTARTS_AT, AWAY = 143, (100, 101, 141, 145)
SINCE_LONG = 10_000.0
"""What counters begin with: near zero, versions of Prometheus extrapolate differently."""
FAILED = re.compile(r'exp: \{number="(\d+)"\} 0E\+00\n\s*got: (.*)\n')
SERIES = re.compile(r"([a-zA-Z_:][\w:]*)?\{([^}]*)\} ([^\s,]+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Selected(NamedTuple):
    """A selector in an expression, and every label that the expression names."""

    name: str
    matchers: list[promql.Matcher]
    named: frozenset[str]


@needs_prometheus
def test_every_rule_and_panel_has_the_values_that_prometheus_computes(tmp_path: Path) -> None:
    rules = read_rules(RULES)
    series = random_series(set(rules.recordings), list(expressions()))
    memory = Memory(series, SCRAPED_EVERY_S * np.arange(SCRAPES, dtype=float))
    asked = sorted({expr for expr in expressions() if "ALERTS" not in expr})  # which Prometheus itself makes
    theirs = by_promtool(tmp_path, series, asked)
    ours = {number: by_us(Evaluator(memory, rules), expr) for number, expr in enumerate(asked)}
    differ = [
        f"{asked[number]}\n  {ours[number]}\n  {theirs.get(number, {})}"
        for number in ours
        if not same(ours[number], theirs.get(number, {}))
    ]
    assert not differ, f"{len(differ)} of {len(asked)} differ, for example:\n" + "\n".join(differ[:3])
    assert len(theirs) > len(asked) / 2, "most expressions have a value, or the samples are no test"


def expressions() -> Iterator[str]:
    """Of every rule and every panel, with Grafana's variables filled in."""
    rules = read_rules(RULES)
    yield from (rule.expression for each in rules.recordings.values() for rule in each)
    yield from (alert.expression for alert in rules.alerts)
    for file in sorted((ROOT / "infra" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield target["expr"].replace("$level", ".*").replace("$model", ".*").replace("$__rate_interval", "5m")


def by_us(evaluator: Evaluator, expression: str) -> dict[Labels, float]:
    frame = evaluator.evaluate(expression, Grid(ASKED_AT_S))
    return {labels: float(frame.values[row, 0]) for row, labels in enumerate(frame.labels) if frame.there[row, 0]}


def by_promtool(folder: Path, series: dict[Labels, list[float]], asked: list[str]) -> dict[int, dict[Labels, float]]:
    """The series of each expression by its number; promtool shows them when they are not what a test expects."""
    tests = [
        {"expr": expr, "eval_time": f"{ASKED_AT_S}s", "exp_samples": [{"labels": f'{{number="{number}"}}', "value": 0}]}
        for number, expr in enumerate(asked)
    ]
    document = {
        "rule_files": [str(file) for file in RULES],
        "evaluation_interval": f"{RULES_EVERY_S}s",
        "group_eval_order": in_order(),
        "tests": [
            {"interval": f"{SCRAPED_EVERY_S}s", "input_series": list(written(series)), "promql_expr_test": tests}
        ],
    }
    file = folder / "rules-test.yaml"
    file.write_text(json.dumps(document))
    program = find("promtool", folder)
    assert program
    done = subprocess.run([*program, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "err:" not in said, said
    found = {int(number): dict(map(_read, SERIES.findall(got))) for number, got in FAILED.findall(said)}
    assert found, said
    return found


def _read(found: tuple[str, str, str]) -> tuple[Labels, float]:
    name, labels, value = found
    return tuple(sorted(LABEL.findall(labels + (f'__name__="{name}"' if name else "")))), float(value)


def same(ours: dict[Labels, float], theirs: dict[Labels, float]) -> bool:
    return ours.keys() == theirs.keys() and all(
        math.isclose(value, theirs[labels], rel_tol=1e-9) or (math.isnan(value) and math.isnan(theirs[labels]))
        for labels, value in ours.items()
    )


def in_order() -> list[str]:
    """The groups of all rules, those first whose recorded metrics others read."""
    return [group["name"] for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]


def written(series: dict[Labels, list[float]]) -> Iterator[dict[str, str]]:
    """In promtool's notation."""
    for labels, values in series.items():
        pairs = dict(labels)
        name = pairs.pop("__name__")
        shown = ",".join(f"{label}={json.dumps(value)}" for label, value in pairs.items())
        yield {
            "series": f"{name}{{{shown}}}",
            "values": " ".join("stale" if math.isnan(v) else f"{v:g}" for v in values),
        }


def random_series(recorded: set[str], asked: list[str]) -> dict[Labels, list[float]]:
    """Some series for each selector of the expressions, with the labels that they name; counters restart and pause."""
    draw = np.random.default_rng(7)
    selected = [each for expr in asked for each in selectors(promql.parse(expr)) if each.name not in recorded]
    named: dict[str, set[str]] = defaultdict(set)
    values: dict[str, set[str]] = defaultdict(lambda: {"a", "b"})
    for each in selected:
        named[each.name] |= each.named | {matcher.name for matcher in each.matchers}
        for matcher in each.matchers:
            values[matcher.name] |= set(candidates(matcher))
    series: dict[Labels, list[float]] = {}
    for each in selected:
        for _ in range(SERIES_OF_A_SELECTOR):
            wanted = {name: draw.choice(sorted(values[name])) for name in sorted(named[each.name] - {"le"})}
            for matcher in each.matchers:
                if fitting := candidates(matcher):
                    wanted[matcher.name] = draw.choice(fitting)
            wanted.pop("le", None)
            if {"level", "instance"} <= wanted.keys():
                wanted["instance"] = wanted["level"]  # a server is of one level
            add(series, each.name, {name: str(value) for name, value in wanted.items()}, draw)
    return series


def add(series: dict[Labels, list[float]], name: str, labels: dict[str, str], draw: np.random.Generator) -> None:
    """A counter, or a histogram's buckets; some restart, some are away for a while, some stand still."""
    growth, restarts, away = draw.random() < BUSY, draw.random() < RARE, draw.random() < RARE
    total = np.full(SCRAPES, SINCE_LONG)
    for bound in BUCKETS if name.endswith("_bucket") else [""]:
        total = total + np.cumsum(draw.poisson(2.0 * growth, SCRAPES))
        shown = np.where(np.arange(SCRAPES) > RESTARTS_AT, total - total[RESTARTS_AT], total) if restarts else total
        shown = np.where(np.isin(np.arange(SCRAPES), AWAY), np.nan, shown) if away else shown
        key = tuple(sorted({"__name__": name, **labels, **({"le": bound} if bound else {})}.items()))
        series[key] = shown.tolist()


def selectors(expr: promql.Expr) -> Iterator[Selected]:
    """Those of an expression."""
    found: list[promql.VectorSelector] = []
    labels: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        if isinstance(node, promql.MatrixSelector):
            found.append(node.vector_selector)
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            labels.update(node.modifier.labels)
        if isinstance(node, promql.BinaryExpr) and node.modifier and node.modifier.matching:
            labels.update(node.modifier.matching.labels)

    promql.walk(expr, visit)
    for each in {id(node): node for node in found}.values():
        yield Selected(str(each.name), list(each.matchers.matchers), frozenset(labels))


def candidates(matcher: promql.Matcher) -> list[str]:
    """Values that meet a matcher, as far as they can be read off it."""
    if matcher.op == promql.MatchOp.Equal:
        return [matcher.value]
    if matcher.op == promql.MatchOp.Re:
        return [value for value in re.split(r"[|()]", matcher.value) if value and re.fullmatch(matcher.value, value)]
    return []
