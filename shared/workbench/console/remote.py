"""A Prometheus server as the source of the pages' figures: what it keeps goes further back than the console's day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from workbench.observe.promql import Frame, Grid, QueryError

if TYPE_CHECKING:
    from workbench.observe.promql import Labels

__all__ = ["PrometheusServer"]

_ANSWERS_WITHIN_S = 5.0


class PrometheusServer:
    """Evaluates expressions as `workbench.observe.promql.Evaluator` does, by asking the server at a URL."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_ANSWERS_WITHIN_S, trust_env=False)

    def remembering(self) -> PrometheusServer:
        """The same: the server remembers."""
        return self

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def evaluate(self, expression: str, grid: Grid) -> Frame:
        """The series of an expression.

        Raises:
            QueryError: the server refuses it, or does not answer.
        """
        asked: dict[str, str | float] = {"query": expression, "start": grid.start, "end": grid.end, "step": grid.step}
        try:
            answer = self._client.get("/api/v1/query_range", params=asked).json()
        except (httpx.HTTPError, ValueError) as error:
            raise QueryError(f"Prometheus at {self._client.base_url}: {error}") from None
        if answer.get("status") != "success":
            raise QueryError(f"{expression!r}: {answer.get('error', answer)}")
        return _frame(answer["data"]["result"], grid)


def _frame(series: list[dict[str, Any]], grid: Grid) -> Frame:
    values = np.full((len(series), grid.count), np.nan)
    there = np.zeros(values.shape, dtype=bool)
    labels: list[Labels] = []
    for row, each in enumerate(series):
        labels.append(tuple(sorted(each["metric"].items())))
        for time, text in each["values"]:
            moment = round((float(time) - grid.start) / grid.step)
            values[row, moment], there[row, moment] = float(text), True
    return Frame(labels, values, there)
