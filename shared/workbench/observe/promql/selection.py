"""The conditions of a selector, ``{level="1", code!~"4.."}``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import promql_parser as promql

if TYPE_CHECKING:
    from workbench.observe.promql.series import Matcher

__all__ = ["conditions"]


def conditions(selector: promql.VectorSelector) -> list[Matcher]:
    """Its conditions on labels; that on the name is not among them."""
    return [_condition(each.op, each.name, each.value) for each in selector.matchers.matchers]


def _condition(operator: promql.MatchOp, name: str, value: str) -> Matcher:
    if operator == promql.MatchOp.Equal:
        return lambda labels: labels.get(name, "") == value
    if operator == promql.MatchOp.NotEqual:
        return lambda labels: labels.get(name, "") != value
    whole, wanted = _pattern(value), operator == promql.MatchOp.Re
    return lambda labels: bool(whole.fullmatch(labels.get(name, ""))) == wanted


@lru_cache(maxsize=256)
def _pattern(value: str) -> re.Pattern[str]:
    return re.compile(value, re.DOTALL)
