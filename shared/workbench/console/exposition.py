"""Reads what ``/metrics`` answers, quickly: a line is looked up as a whole once its series is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.observe.promql import Labels

__all__ = ["read_exposition", "read_labels"]

_PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\"": '"'}
_ESCAPE = re.compile(r"\\[\\n\"]")


def read_exposition(text: str) -> Iterator[tuple[str, float]]:
    """Each sample of Prometheus' text format: the series as it is written, and its value.

    Raises:
        ValueError: a line is no sample; the text names it.
    """
    for line in text.splitlines():
        if not line or line[0] == "#":
            continue
        end = line.rfind("}") + 1 or line.find(" ")
        try:
            yield line[:end], float(line[end:].split(None, 1)[0])  # a time may follow the value
        except (ValueError, IndexError):
            raise ValueError(f"{line[:120]!r} is no sample: expected a metric and a number") from None


def read_labels(series: str, **added: str) -> Labels:
    """The labels of a series as it is written, its name among them, and those that the scrape adds."""
    name, _, pairs = series.partition("{")
    labels = {key: _ESCAPE.sub(lambda found: _ESCAPES[found[0]], value) for key, value in _PAIR.findall(pairs)}
    return tuple(sorted({"__name__": name, **labels, **added}.items()))
