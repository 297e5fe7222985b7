"""Evaluates PromQL on samples in memory. The parser is Prometheus' grammar in Rust (promql-parser)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import promql_parser as promql

from workbench.observe.promql import functions, matching, windows
from workbench.observe.promql.aggregation import AGGREGATIONS, aggregate
from workbench.observe.promql.matching import Matching
from workbench.observe.promql.rules import Recording, Rules
from workbench.observe.promql.selection import conditions
from workbench.observe.promql.series import NAME, Frame, Grid, QueryError, Samples, drop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from workbench.observe.promql.series import Floats, Source

    Value: TypeAlias = Frame | Floats | str

__all__ = ["Evaluator"]

_RECORDED_EVERY_S = 15.0
_SAMPLES_OF_A_WINDOW = 100
_SIDES = {"ManyToOne": "left", "OneToMany": "right", "OneToOne": "", "ManyToMany": ""}


class Evaluator:
    """Evaluates expressions on a source of samples.

    A recorded metric is not stored: its rule is evaluated where an expression names it, so it has a past from the first
    sample on. Only what the rules and dashboards of this repository use is here; anything else is a `QueryError`.
    """

    def __init__(self, source: Source, rules: Rules | None = None) -> None:
        self._source = source
        self._recordings = (rules or Rules()).recordings
        self._remembered: dict[tuple[str, Grid], Frame] | None = None

    def remembering(self) -> Evaluator:
        """The same, but each recorded metric is computed once for all expressions at the same moments."""
        other = Evaluator(self._source)
        other._recordings, other._remembered = self._recordings, {}
        return other

    def evaluate(self, expression: str, grid: Grid) -> Frame:
        """The series of an expression; a scalar is one series without labels.

        Raises:
            QueryError: it is no PromQL, or uses what is not evaluated here.
        """
        known = {} if self._remembered is None else self._remembered
        value = _Query(self._source, self._recordings, known).value(_parsed(expression), grid)
        if isinstance(value, str):
            raise QueryError(f"{expression!r} is a text, not a series")
        return value if isinstance(value, Frame) else _one(value)


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> promql.Expr:
    try:
        return promql.parse(expression)
    except ValueError as error:
        raise QueryError(f"{expression!r}: {error}") from None


def _one(scalar: Floats) -> Frame:
    return Frame([()], scalar[np.newaxis], np.ones((1, len(scalar)), dtype=bool))


class _Query:
    """One evaluation, which computes a recorded metric once however often it is named."""

    def __init__(
        self, source: Source, recordings: dict[str, list[Recording]], known: dict[tuple[str, Grid], Frame]
    ) -> None:
        self._source, self._recordings, self._known = source, recordings, known

    def value(self, node: promql.Expr, grid: Grid) -> Value:
        """The value of a part of the expression."""
        evaluated = _NODES.get(type(node))
        if evaluated is None:
            raise QueryError(f"{node}: a {type(node).__name__} is not evaluated here")
        return evaluated(self, node, grid)

    def frame(self, node: promql.Expr, grid: Grid) -> Frame:
        """The value of a part that must be series."""
        value = self.value(node, grid)
        if not isinstance(value, Frame):
            raise QueryError(f"{node}: expected series")
        return value

    def scalar(self, node: promql.Expr, grid: Grid) -> Floats:
        """The value of a part that must be a number, at each moment."""
        value = self.value(node, grid)
        if isinstance(value, Frame | str):
            raise QueryError(f"{node}: expected a number")
        return value

    def instant(self, node: promql.VectorSelector, grid: Grid) -> Frame:
        """The latest samples that a selector selects."""
        moved, name = grid.earlier(_offset_s(node)), _name(node)
        if name in self._recordings:
            return self._recorded(node, moved)
        start, apart_s = moved.start - windows.LOOKBACK_S, moved.step / 2
        found = self._source.select(name, conditions(node), start, moved.end, apart_s)
        return Frame.joined([windows.latest(samples, moved) for samples in found], grid.count)

    def _recorded(self, node: promql.VectorSelector, grid: Grid) -> Frame:
        key = (_name(node), grid)
        if key not in self._known:
            frames = [self._record(rule, grid) for rule in self._recordings[key[0]]]
            self._known[key] = Frame.joined(frames, grid.count)
        frame, matches = self._known[key], conditions(node)
        return frame.take([row for row, labels in enumerate(frame.labels) if all(m(dict(labels)) for m in matches)])

    def _record(self, rule: Recording, grid: Grid) -> Frame:
        frame = self.value(_parsed(rule.expression), grid)
        if isinstance(frame, str):
            raise QueryError(f"{rule.name}: {rule.expression!r} is a text, not a series")
        frame = frame if isinstance(frame, Frame) else _one(frame)
        added = {**rule.labels, NAME: rule.name}
        named = [tuple(sorted((*drop(labels, added), *added.items()))) for labels in frame.labels]
        return Frame(named, frame.values, frame.there)

    def _range(self, node: promql.MatrixSelector, grid: Grid) -> Iterable[Samples]:
        selector, range_s = node.vector_selector, node.range.total_seconds()
        moved, name = grid.earlier(_offset_s(selector)), _name(selector)
        if name not in self._recordings:
            start, apart_s = moved.start - range_s, range_s / _SAMPLES_OF_A_WINDOW
            return self._source.select(name, conditions(selector), start, moved.end, apart_s)
        first, last = np.ceil((moved.start - range_s) / _RECORDED_EVERY_S), np.floor(moved.end / _RECORDED_EVERY_S)
        every = Grid(float(first) * _RECORDED_EVERY_S, _RECORDED_EVERY_S, int(last - first) + 1)
        frame = self._recorded(selector, every)
        return [Samples(frame.labels, every.times, np.where(frame.there, frame.values, np.nan))]

    def aggregate(self, node: promql.AggregateExpr, grid: Grid) -> Frame:
        """`sum by (…) (…)` and its like."""
        operation = str(node.op)
        if operation not in AGGREGATIONS:
            raise QueryError(f"{operation}: not evaluated here; there are {', '.join(AGGREGATIONS)}")
        modifier, frame = node.modifier, self.frame(node.expr, grid)
        if modifier is None:
            return aggregate(operation, frame, (), without=False)
        return aggregate(operation, frame, modifier.labels, without=modifier.type == promql.AggModifierType.Without)

    def operation(self, node: promql.BinaryExpr, grid: Grid) -> Value:
        """An operator between two parts."""
        sides = self.value(node.lhs, grid), self.value(node.rhs, grid)
        return self._binary(str(node.op), *sides, _matching(node.modifier))

    def negative(self, node: promql.UnaryExpr, grid: Grid) -> Value:
        """A minus before a part."""
        return self._binary("*", np.full(grid.count, -1.0), self.value(node.expr, grid), Matching())

    def _binary(self, operator: str, left: Value, right: Value, how: Matching) -> Value:
        if isinstance(left, str) or isinstance(right, str):
            raise QueryError(f"{operator}: expected numbers or series, not a text")
        if isinstance(left, Frame) and isinstance(right, Frame):
            return matching.between(operator, left, right, how)
        if isinstance(left, Frame):
            return matching.with_scalar(operator, left, right, swapped=False, as_bool=how.as_bool)  # type: ignore[arg-type]
        if isinstance(right, Frame):
            return matching.with_scalar(operator, right, left, swapped=True, as_bool=how.as_bool)
        return matching.scalars(operator, left, right)

    def call(self, node: promql.Call, grid: Grid) -> Value:
        """A function of parts."""
        name, arguments = node.func.name, node.args
        if name in {"rate", "increase"} or name in windows.OVER_TIME:
            return self._windowed(name, arguments[0], grid)
        if name in functions.ELEMENTWISE:
            return self._elementwise(name, arguments, grid)
        if name not in _CALLS:
            raise QueryError(f"{name}: this function is not evaluated here")
        return _CALLS[name](self, arguments, grid)

    def _windowed(self, name: str, node: promql.Expr, grid: Grid) -> Frame:
        if not isinstance(node, promql.MatrixSelector):
            raise QueryError(f"{name}({node}): expected a metric with a range, like metric[5m]")
        range_s, moved = node.range.total_seconds(), grid.earlier(_offset_s(node.vector_selector))
        found = self._range(node, grid)
        if name in windows.OVER_TIME:
            frames = [windows.over_time(name, samples, moved, range_s) for samples in found]
        else:
            frames = [windows.rate(each, moved, range_s, per_second=name == "rate") for each in found]
        return Frame.joined(frames, grid.count)

    def _elementwise(self, name: str, arguments: list[promql.Expr], grid: Grid) -> Frame:
        frame = self.frame(arguments[0], grid).nameless()
        others = [self.scalar(each, grid) for each in arguments[1:]]
        with np.errstate(all="ignore"):
            return Frame(frame.labels, functions.ELEMENTWISE[name](frame.values, *others), frame.there)


def _name(node: promql.VectorSelector) -> str:
    if not node.name:
        raise QueryError(f"{node}: a selector without a metric's name is not evaluated here")
    return node.name


def _offset_s(node: promql.VectorSelector) -> float:
    if node.at is not None:
        raise QueryError(f"{node}: the @ modifier is not evaluated here")
    return float(node.offset.total_seconds()) if node.offset else 0.0


def _matching(modifier: promql.BinModifier | None) -> Matching:
    if modifier is None:
        return Matching()
    card = str(modifier.card).removeprefix("VectorMatchCardinality.")
    on = modifier.matching is not None and modifier.matching.type == promql.LabelModifierType.Include
    labels = tuple(modifier.matching.labels) if modifier.matching else ()
    return Matching(on, labels, _SIDES[card], tuple(modifier.group_labels or ()), bool(modifier.return_bool))


def _label_replace(query: _Query, arguments: list[promql.Expr], grid: Grid) -> Frame:
    target, replacement, source, pattern = (str(query.value(each, grid)) for each in arguments[1:])
    return functions.label_replace(query.frame(arguments[0], grid), target, replacement, source, pattern)


_NODES: dict[type[promql.Expr], Callable[[_Query, Any, Grid], Value]] = {
    promql.AggregateExpr: _Query.aggregate,
    promql.BinaryExpr: _Query.operation,
    promql.Call: _Query.call,
    promql.NumberLiteral: lambda _, node, grid: np.full(grid.count, node.val),
    promql.ParenExpr: lambda query, node, grid: query.value(node.expr, grid),
    promql.StringLiteral: lambda _, node, __: str(node.val),
    promql.UnaryExpr: _Query.negative,
    promql.VectorSelector: _Query.instant,
}
_CALLS: dict[str, Callable[[_Query, Any, Grid], Value]] = {
    "absent": lambda query, args, grid: functions.absent(query.frame(args[0], grid), ()),
    "histogram_quantile": lambda query, args, grid: functions.histogram_quantile(
        query.scalar(args[0], grid), query.frame(args[1], grid)
    ),
    "label_replace": _label_replace,
    "scalar": lambda query, args, grid: functions.scalar(query.frame(args[0], grid)),
    "time": lambda _, __, grid: grid.times,
    "vector": lambda query, args, grid: _one(query.scalar(args[0], grid)),
}
