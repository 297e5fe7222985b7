"""Operators between two expressions, and which series of one side meet which of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.observe.promql.series import NAME, Frame, QueryError, drop, keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.observe.promql.series import Bools, Floats, Labels

__all__ = ["ARITHMETIC", "COMPARISONS", "SETS", "Matching", "between", "scalars", "with_scalar"]

ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "%": np.fmod,
    "*": np.multiply,
    "+": np.add,
    "-": np.subtract,
    "/": np.divide,
    "^": np.power,
}
COMPARISONS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    "==": np.equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
SETS = frozenset({"and", "or", "unless"})


@dataclass(frozen=True)
class Matching:
    """How the series of two sides find each other.

    Attributes:
        on: whether they meet that agree in ``labels``; else those that agree in all others.
        labels: see ``on``.
        many: the side of which several may meet one, ``left`` or ``right``; empty where each meets one at most.
        include: labels that the result takes from the other side than ``many``.
        as_bool: whether a comparison gives 0 or 1 instead of dropping what does not hold.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    many: str = ""
    include: tuple[str, ...] = ()
    as_bool: bool = False

    def key(self, labels: Labels) -> Labels:
        """What series that meet have in common."""
        return keep(labels, self.labels) if self.on else drop(labels, (NAME, *self.labels))

    def result(self, many: Labels, one: Labels, *, nameless: bool) -> Labels:
        """The labels of what comes out of two that meet."""
        labels = drop(many, (NAME,)) if nameless else many
        if not self.many:
            return self.key(labels) if self.on else drop(labels, self.labels)
        taken = keep(one, self.include)
        return tuple(sorted((*drop(labels, self.include), *taken)))


def scalars(operator: str, left: Floats, right: Floats) -> Floats:
    """Of two scalars at each moment; a comparison gives 0 or 1."""
    with np.errstate(all="ignore"):
        return np.asarray((ARITHMETIC | COMPARISONS)[operator](left, right), dtype=float)


def with_scalar(operator: str, frame: Frame, scalar: Floats, *, swapped: bool, as_bool: bool) -> Frame:
    """Of each series and a scalar, which stands on the left if they are ``swapped``."""
    sides = (scalar, frame.values) if swapped else (frame.values, scalar)
    result = scalars(operator, *sides)
    if operator in COMPARISONS and not as_bool:
        return Frame(frame.labels, frame.values, frame.there & (result > 0))
    return Frame(frame.labels, result, frame.there).nameless()


def between(operator: str, left: Frame, right: Frame, matching: Matching) -> Frame:
    """Of the series of two sides that meet.

    Raises:
        QueryError: a series meets several at the same moment, of which ``many`` says nothing.
    """
    if operator in SETS:
        return _set(operator, left, right, matching)
    partners = _by_key(right if matching.many != "right" else left, matching)
    many, one = (right, left) if matching.many == "right" else (left, right)
    pairs = [
        (row, partner) for row, labels in enumerate(many.labels) for partner in partners.get(matching.key(labels), ())
    ]
    nameless = operator in ARITHMETIC or matching.as_bool
    rows, others = [row for row, _ in pairs], [partner for _, partner in pairs]
    labels = [matching.result(many.labels[row], one.labels[other], nameless=nameless) for row, other in pairs]
    met, mates = many.take(rows), one.take(others)
    lefts, rights = (mates, met) if matching.many == "right" else (met, mates)
    result = scalars(operator, lefts.values, rights.values)
    there = met.there & mates.there
    if operator in COMPARISONS and not matching.as_bool:
        there, result = there & (result > 0), lefts.values
    return _merged(Frame(labels, result, there))


def _set(operator: str, left: Frame, right: Frame, matching: Matching) -> Frame:
    if operator == "or":
        added = right.there & ~_met(right, left, matching)
        rest = Frame(right.labels, right.values, added)
        return _merged(Frame.joined([left, rest], left.values.shape[1]))
    met = _met(left, right, matching)
    return Frame(left.labels, left.values, left.there & (met if operator == "and" else ~met))


def _met(frame: Frame, other: Frame, matching: Matching) -> Bools:
    """(series of frame, moments) whether any series of the other side with the same key is there."""
    partners = _by_key(other, matching)
    met = np.zeros(frame.there.shape, dtype=bool)
    for row, labels in enumerate(frame.labels):
        if rows := partners.get(matching.key(labels)):
            met[row] = other.there[rows].any(axis=0)
    return met


def _by_key(frame: Frame, matching: Matching) -> dict[Labels, list[int]]:
    rows: dict[Labels, list[int]] = {}
    for row, labels in enumerate(frame.labels):
        rows.setdefault(matching.key(labels), []).append(row)
    return rows


def _merged(frame: Frame) -> Frame:
    """Series of the same labels as one: a restarted server's successor follows it."""
    rows: dict[Labels, list[int]] = {}
    for row, labels in enumerate(frame.labels):
        rows.setdefault(labels, []).append(row)
    if len(rows) == len(frame.labels):
        return frame
    for labels, same in rows.items():
        if (frame.there[same].sum(axis=0) > 1).any():
            raise QueryError(f"{dict(labels)}: several series of one side meet the same series of the other")
    return Frame.joined([_successors(labels, frame.take(same)) for labels, same in rows.items()], frame.there.shape[1])


def _successors(labels: Labels, frame: Frame) -> Frame:
    values = np.where(frame.there, frame.values, 0).sum(axis=0, keepdims=True)
    return Frame([labels], values, frame.anywhere())
