"""Samples in memory for queries: what one target showed, scraped at given times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.observe.promql import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.observe.promql import Labels
    from workbench.observe.promql.series import Matcher

__all__ = ["Memory"]


class Memory:
    """A source of series that were all scraped at the same times; NaN where a scrape showed none."""

    def __init__(self, series: Mapping[Labels, Sequence[float]], times: NDArray[np.float64]) -> None:
        self._series = {labels: np.array(values) for labels, values in series.items()}
        self._times = times

    def select(
        self, name: str, matches: Sequence[Matcher], start: float, end: float, apart_s: float
    ) -> Iterator[Samples]:
        """All samples of a metric's series within the time."""
        del apart_s
        held = (self._times >= start) & (self._times <= end)
        named = {labels: dict(labels) for labels in self._series if ("__name__", name) in labels}
        found = [labels for labels, pairs in named.items() if all(match(pairs) for match in matches)]
        if found:
            yield Samples(found, self._times[held], np.array([self._series[labels][held] for labels in found]))
