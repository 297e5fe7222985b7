"""What queries are made of: samples as scraped, and values on a grid of moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Bools: TypeAlias = NDArray[np.bool_]

__all__ = ["Frame", "Grid", "Labels", "Matcher", "QueryError", "Samples", "Source", "drop", "keep"]

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order of the names; the metric's name is the label ``__name__``."""

NAME = "__name__"


class QueryError(Exception):
    """An expression cannot be evaluated; the text says what in it, and why."""


class Matcher(Protocol):
    """One condition of a selector."""

    def __call__(self, labels: dict[str, str]) -> bool:
        """Whether the labels meet it; a missing label is an empty one."""
        ...


@dataclass(frozen=True)
class Grid:
    """The moments at which an expression is evaluated, in seconds since 1970: ``count`` of them, ``step`` apart."""

    start: float
    step: float = 1.0
    count: int = 1

    @property
    def times(self) -> Floats:
        """Gives them as (count,) float64."""
        return self.start + self.step * np.arange(self.count, dtype=np.float64)

    @property
    def end(self) -> float:
        """The last moment."""
        return self.start + self.step * (self.count - 1)

    def earlier(self, seconds: float) -> Grid:
        """The same, that long before."""
        return Grid(self.start - seconds, self.step, self.count)


@dataclass(frozen=True)
class Samples:
    """What one target showed.

    Attributes:
        labels: of each series.
        times: (samples,) when it was scraped, ascending.
        values: (series, samples); NaN where a scrape had no such series, or failed.
    """

    labels: Sequence[Labels]
    times: Floats
    values: Floats


class Source(Protocol):
    """Where samples come from."""

    def select(
        self, name: str, matches: Sequence[Matcher], start: float, end: float, apart_s: float
    ) -> Iterable[Samples]:
        """The samples of the metric within the time, of those of its series that meet every condition.

        Where there are more, samples about ``apart_s`` seconds apart will do.
        """
        ...


@dataclass(frozen=True)
class Frame:
    """The value of an expression: series on a grid.

    Attributes:
        labels: of each series.
        values: (series, moments).
        there: (series, moments); False where the series has no value. A value may be NaN and there: 0 / 0 is.
    """

    labels: list[Labels]
    values: Floats
    there: Bools

    @classmethod
    def empty(cls, moments: int) -> Frame:
        """Gives a frame without series."""
        return cls([], np.empty((0, moments)), np.empty((0, moments), dtype=bool))

    @classmethod
    def joined(cls, frames: Sequence[Frame], moments: int) -> Frame:
        """All their series, one after another."""
        if not frames:
            return cls.empty(moments)
        labels = [each for frame in frames for each in frame.labels]
        return cls(labels, np.vstack([f.values for f in frames]), np.vstack([f.there for f in frames]))

    def take(self, rows: Sequence[int]) -> Frame:
        """These series alone."""
        return Frame([self.labels[row] for row in rows], self.values[list(rows)], self.there[list(rows)])

    def anywhere(self) -> Bools:
        """Says at which moments any series has a value: (1, moments)."""
        found: Bools = np.logical_or.reduce(self.there, axis=0)[np.newaxis]
        return found

    def nameless(self) -> Frame:
        """The same without the metric's name, as after every function that changes what is measured."""
        return Frame([drop(labels, (NAME,)) for labels in self.labels], self.values, self.there)


def keep(labels: Labels, names: Iterable[str]) -> Labels:
    """Those with these names."""
    wanted = frozenset(names)
    return tuple(pair for pair in labels if pair[0] in wanted)


def drop(labels: Labels, names: Iterable[str]) -> Labels:
    """Those with other names."""
    unwanted = frozenset(names)
    return tuple(pair for pair in labels if pair[0] not in unwanted)
