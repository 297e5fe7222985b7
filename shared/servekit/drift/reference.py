"""The reference profile: the distributions of the training data, in a few kilobytes of JSON.

Each column keeps the counts of its quantile bins (for PSI) and points of its cumulative distribution (for KS).

Values are rounded to float32, the type the models take, before anything is counted. Measurements are tied (the Iris
data has a resolution of 0.1 cm) and bin edges fall on the ties: 5.4 as a float32 is above 5.4 as a float64, so a
profile in float64 would count every served 5.4 in the next bin and see drift where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec
import numpy as np

from servekit.json_file import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Column", "ProfileError", "ReferenceProfile"]

MIN_ROWS = 50
ROWS_PER_BIN = 25
KNOTS = 128


class ProfileError(ValueError):
    """A reference profile that cannot be built or trusted; the message names the part and the expectation."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feature's or one score's reference distribution.

    ``edges[i]`` is the inclusive upper bound of bin i, whose reference count is ``counts[i]``; the last bin is
    open, so there is one count more than edges. ``below[j]`` counts the reference rows ≤ ``knots[j]``.
    """

    name: str
    kind: Literal["feature", "score"]
    edges: list[float]
    counts: list[int]
    knots: list[float]
    below: list[int]

    @classmethod
    def of(cls, name: str, kind: Literal["feature", "score"], values: NDArray[Any], bins: int) -> Self:
        """The column's distribution over ``values`` [rows]; raises ProfileError unless all of them are finite."""
        column = np.asarray(values, dtype=np.float32)
        if not np.isfinite(column).all():
            raise ProfileError(f"{kind} {name}: {int((~np.isfinite(column)).sum())} values are not finite")
        distinct, counts = np.unique(column, return_counts=True)
        cumulative = np.cumsum(counts)
        edges, binned = _bins(distinct, cumulative, bins)
        knots, below = _knots(distinct, cumulative)
        return cls(name, kind, _floats(edges), binned.tolist(), _floats(knots), below.tolist())


class ReferenceProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The distribution of every feature and score of one model version over its reference rows.

    Take the scores from rows the model was not fitted on (out-of-fold predictions, a validation split): a model is
    surer of its own training rows than of any others, which would later read as drift of the scores.
    """

    format: Literal["servekit.drift/1"]
    model: str
    version: str
    rows: int
    columns: list[Column]

    @classmethod
    def of(  # noqa: PLR0913 - two matrices, their names, and whose they are
        cls,
        features: NDArray[Any],
        scores: NDArray[Any],
        *,
        model: str,
        version: str,
        feature_names: Sequence[str],
        score_names: Sequence[str] = ("score",),
        bins: int = 10,
    ) -> Self:
        """The profile of ``features`` [rows, F] and ``scores`` [rows, S] (or [rows] when S is 1).

        ``bins`` is an upper bound: each bin gets at least about 25 reference rows, so 150 rows make 6 bins. At
        least 50 rows.
        """
        scores = scores.reshape(len(scores), -1)
        _check_table("features", features, feature_names, len(features))
        _check_table("scores", scores, score_names, len(features))
        rows = len(features)
        if rows < MIN_ROWS:
            raise ProfileError(f"reference of {rows} rows: expected at least {MIN_ROWS}, to tell drift from chance")
        bins = max(2, min(bins, rows // ROWS_PER_BIN))
        columns = [Column.of(n, "feature", features[:, i], bins) for i, n in enumerate(feature_names)]
        columns += [Column.of(n, "score", scores[:, i], bins) for i, n in enumerate(score_names)]
        profile = cls("servekit.drift/1", model, version, rows, columns)
        _check(profile)
        return profile

    @classmethod
    def load(cls, path: Path) -> Self:
        """The profile in a file; raises ProfileError naming the file and what is wrong in it."""
        try:
            profile = msgspec.json.decode(path.read_bytes(), type=cls)
            _check(profile)
        except FileNotFoundError:
            raise ProfileError(f"reference profile {path}: no such file: training writes it") from None
        except (msgspec.DecodeError, ProfileError) as error:
            raise ProfileError(f"reference profile {path}: {error}") from None
        return profile

    def save(self, path: Path) -> None:
        """Writes the profile as JSON; equal profiles give equal bytes."""
        write_json(path, self)


def _bins(distinct: NDArray[Any], cumulative: NDArray[Any], bins: int) -> tuple[NDArray[Any], NDArray[Any]]:
    rows = int(cumulative[-1])
    if len(distinct) == 1:
        # below, at, above: a constant that starts to vary is drift, and a single bin could not show it
        return np.array([np.nextafter(distinct[0], np.float32(-np.inf)), distinct[0]]), np.array([0, rows, 0])
    target = rows / bins
    kept: list[int] = []
    last = 0
    for index in np.searchsorted(cumulative, target * np.arange(1, bins)):
        # ties bunch the quantiles: an edge that would leave a sliver on either side is no edge
        if cumulative[index] - last >= target / 2 and rows - cumulative[index] >= target / 2:
            kept.append(int(index))
            last = int(cumulative[index])
    return distinct[kept], np.diff([0, *cumulative[kept].tolist(), rows])


def _knots(distinct: NDArray[Any], cumulative: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(distinct) > KNOTS:
        at = np.unique(np.searchsorted(cumulative, cumulative[-1] * np.arange(1, KNOTS + 1) / KNOTS))
    else:
        at = np.arange(len(distinct))
    # just under the smallest value nothing has been counted yet; without this point a shift below it would not show
    floor = np.nextafter(distinct[0], np.float32(-np.inf))
    return np.append(floor, distinct[at]), np.append(0, cumulative[at])


def _floats(values: NDArray[Any]) -> list[float]:
    # the shortest decimal that is this float32: 5.4, not 5.400000095367432
    return [float(str(value)) for value in values.astype(np.float32)]


def _check_table(thing: str, table: NDArray[Any], names: Sequence[str], rows: int) -> None:
    if table.ndim != 2 or table.shape != (rows, len(names)):  # noqa: PLR2004 - rows by columns
        raise ProfileError(
            f"{thing} of shape {list(table.shape)}: expected [{rows}, {len(names)}], one column per name"
        )


def _check(profile: ReferenceProfile) -> None:
    names = [column.name for column in profile.columns]
    if not names or len(set(names)) != len(names):
        raise ProfileError(f"columns {names}: expected names that occur once, features and scores share a label")
    for column in profile.columns:
        _check_column(column, profile.rows)


def _check_column(column: Column, rows: int) -> None:
    for thing, points in (("edges", column.edges), ("knots", column.knots)):
        if not np.isfinite(points).all() or (np.diff(points) <= 0).any():
            raise ProfileError(f"{column.name}.{thing}: expected finite, strictly ascending numbers")
    if len(column.counts) != len(column.edges) + 1 or min(column.counts) < 0 or sum(column.counts) != rows:
        raise ProfileError(f"{column.name}.counts: expected {len(column.edges) + 1} counts that sum to {rows} rows")
    if len(column.below) != len(column.knots) or (np.diff(column.below) < 0).any() or column.below[-1:] != [rows]:
        raise ProfileError(f"{column.name}.below: expected {len(column.knots)} rising counts that end at {rows} rows")
