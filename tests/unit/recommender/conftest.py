"""A film club small enough to reason about: 60 members who like either comedies or westerns, 40 films."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommender.domain.catalogue import Catalogue, Item
from recommender.domain.interactions import Histories, Interactions
from recommender.domain.normalisation import Normalisation

if TYPE_CHECKING:
    from pathlib import Path

MEMBERS = 60
FILMS = 40


@pytest.fixture(scope="session")
def club() -> Interactions:
    """Even members watch even films and rate them high, odd ones odd films; each also a few others, rated low."""
    rng = np.random.default_rng(7)
    rows = []
    for member in range(1, MEMBERS + 1):
        own = rng.permutation(np.arange(member % 2, FILMS, 2))[:15]
        other = rng.permutation(np.arange((member + 1) % 2, FILMS, 2))[:5]
        stars = np.concatenate([rng.integers(4, 6, 15), rng.integers(1, 3, 5)])
        films = np.concatenate([own, other])
        times = rng.permutation(20) + 880_000_000
        rows += list(zip([member] * 20, films, stars, times, strict=True))
    users, items, ratings, times = np.array(rows).T
    return Interactions(users, items, ratings.astype(np.float64), times, FILMS)


@pytest.fixture(scope="session")
def films() -> Catalogue:
    """Films with the ids 101 to 140; even positions are comedies, odd ones westerns."""
    return Catalogue(
        tuple(
            Item(101 + at, f"Film {at} (1990)", ("Comedy", "Drama") if at % 2 == 0 else ("Western",))
            for at in range(FILMS)
        )
    )


@pytest.fixture(scope="session")
def histories(club: Interactions) -> Histories:
    return Histories.of(club)


@pytest.fixture(scope="session")
def normalisation(histories: Histories) -> Normalisation:
    return Normalisation.fit(histories, FILMS, shrinkage=5, weight=0.4)


@pytest.fixture
def movielens(tmp_path: Path, club: Interactions, films: Catalogue) -> Path:
    """The club in MovieLens' two files, its rows in no order."""
    folder = tmp_path / "movielens"
    folder.mkdir()
    order = np.random.default_rng(1).permutation(len(club))
    ratings = [
        f"{club.users[at]}\t{films.ids[club.items[at]]}\t{club.ratings[at]:.0f}\t{club.times[at]}" for at in order
    ]
    titles = [f"{film.id}\t{film.title.removesuffix(' (1990)')}\t1990\t{' '.join(film.genres)}" for film in films.items]
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    (folder / "ml-100k.inter").write_text("\n".join([header, *ratings]) + "\n")
    header = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"
    (folder / "ml-100k.item").write_text("\n".join([header, *titles]) + "\n")
    return folder
