from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from servekit.drift import ProfileError, ReferenceProfile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]


def iris_rows() -> NDArray[np.float64]:
    from sklearn.datasets import load_iris  # noqa: PLC0415 - takes longer to import than these tests to run

    rows: NDArray[np.float64] = load_iris().data
    return rows


def profile_of(features: NDArray[np.float64], bins: int = 10) -> ReferenceProfile:
    names = [f"x{i}" for i in range(features.shape[1])]
    return ReferenceProfile.of(features, features[:, 0], model="m", version="1", feature_names=names, bins=bins)


def test_the_iris_profile_is_small_and_survives_its_file(tmp_path: Path) -> None:
    features = iris_rows()
    profile = ReferenceProfile.of(features, features[:, :1], model="iris", version="1", feature_names=NAMES)
    profile.save(tmp_path / "drift.json")
    assert ReferenceProfile.load(tmp_path / "drift.json") == profile
    assert (tmp_path / "drift.json").stat().st_size < 20_000
    assert [column.name for column in profile.columns] == [*NAMES, "score"]


def test_tied_values_share_a_bin_and_no_bin_is_a_sliver() -> None:
    for column in profile_of(iris_rows()).columns:
        assert sum(column.counts) == 150
        assert min(column.counts) >= 12


def test_a_value_nine_rows_in_ten_share_gets_a_bin_and_its_rare_neighbours_none_of_their_own() -> None:
    column = profile_of(np.repeat([[0.0], [1.0], [2.0]], [3, 270, 27], axis=0)).columns[0]
    assert (column.edges, column.counts) == ([1.0], [273, 27])


def test_a_constant_column_has_bins_below_at_and_above() -> None:
    column = profile_of(np.full((60, 1), 7.0)).columns[0]
    assert column.counts == [0, 60, 0]
    assert column.edges[1] == 7.0


def test_decimals_are_written_as_short_as_float32_has_them() -> None:
    column = profile_of(iris_rows()).columns[0]
    assert 5.4 in column.knots


def test_a_million_rows_make_ten_bins_and_a_hundred_odd_knots() -> None:
    column = profile_of(np.random.default_rng(0).normal(size=(1_000_000, 1))).columns[0]
    assert len(column.counts) == 10
    assert max(abs(count - 100_000) for count in column.counts) < 10
    assert len(column.knots) == 129


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((20, 1)), "reference of 20 rows: expected at least 50, to tell drift from chance"),
        (np.full((60, 1), np.nan), "feature x0: 60 values are not finite"),
    ],
)
def test_a_reference_that_says_nothing_is_refused(features: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ProfileError, match=f"^{message}$"):
        profile_of(features)


def test_tables_and_names_must_fit() -> None:
    rows = np.zeros((60, 2))
    with pytest.raises(ProfileError, match=r"^features of shape \[60, 2\]: expected \[60, 1\], one column per name$"):
        ReferenceProfile.of(rows, rows[:, 0], model="m", version="1", feature_names=["a"])
    with pytest.raises(ProfileError, match=r"^scores of shape \[59, 1\]: expected \[60, 1\]"):
        ReferenceProfile.of(rows, rows[1:, 0], model="m", version="1", feature_names=["a", "b"])
    with pytest.raises(ProfileError, match="expected names that occur once"):
        ReferenceProfile.of(rows, rows[:, 0], model="m", version="1", feature_names=["a", "score"])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("edges", 0), 99.0, "x0.edges: expected finite, strictly ascending numbers"),
        (("knots", 1), -99.0, "x0.knots: expected finite, strictly ascending numbers"),
        (("counts", 0), 1, r"x0.counts: expected 6 counts that sum to 150 rows"),
        (("below", -1), 151, r"x0.below: expected \d+ rising counts that end at 150 rows"),
        (("kind",), "label", r"Invalid enum value 'label'"),
        (("surprise",), 1, "contains unknown field `surprise`"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_its_path(
    tmp_path: Path, path: tuple[str | int, ...], value: object, message: str
) -> None:
    document = msgspec.to_builtins(profile_of(iris_rows()))
    target = document["columns"][0]
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    file = tmp_path / "drift.json"
    file.write_bytes(msgspec.json.encode(document))
    with pytest.raises(ProfileError, match=rf"reference profile .*drift\.json: .*{message}"):
        ReferenceProfile.load(file)


def test_an_absent_a_torn_and_a_newer_file_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "drift.json"
    with pytest.raises(ProfileError, match="no such file: training writes it"):
        ReferenceProfile.load(file)
    file.write_text('{"format": "servekit.drift/1"')
    with pytest.raises(ProfileError, match="truncated"):
        ReferenceProfile.load(file)
    file.write_text('{"format": "servekit.drift/2", "model": "m", "version": "1", "rows": 1, "columns": []}')
    with pytest.raises(ProfileError, match=r"servekit\.drift/2"):
        ReferenceProfile.load(file)
