"""MovieLens 100K: 943 people, 1,682 films, 100,000 ratings of 1997 and 1998 (https://grouplens.org/datasets/movielens/).

Its licence forbids passing it on, so it is not in this repository. A copy lies inside the wheel of RecBole, which is
downloaded, checked against its hash and unpacked, but never installed; ``MOVIELENS_DIR`` names a copy of your own.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zipfile import ZipFile

import numpy as np

from recommender.domain.catalogue import Catalogue, Item
from recommender.domain.interactions import Interactions
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DataError", "data_sha256", "fetch_movielens", "read_movielens"]

_FILES = ("ml-100k.inter", "ml-100k.item")
_INSIDE = "recbole/dataset_example/ml-100k"
_REQUIREMENT = ROOT / "infra/requirements/movielens.txt"
_REMEDY = "set MOVIELENS_DIR to a folder with ml-100k.inter and ml-100k.item"
_TIMEOUT_S = 300


class DataError(Exception):
    """The data set is missing, could not be fetched, or has another layout."""


def fetch_movielens(folder: Path) -> None:
    """Puts the files into ``folder``, unless they are there.

    Raises:
        DataError: the download failed; the text has the downloader's last line and the remedy.
    """
    if all((folder / name).is_file() for name in _FILES):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as downloads, ZipFile(_download(Path(downloads))) as wheel:
        for name in _FILES:
            (folder / name).write_bytes(wheel.read(f"{_INSIDE}/{name}"))


def read_movielens(folder: Path) -> tuple[Interactions, Catalogue]:
    """The ratings and the films of the data set.

    Raises:
        DataError: a file is missing or has another layout.
    """
    films = [_film(line, folder) for line in _lines(folder / _FILES[1], ["item_id", "movie_title"])]
    catalogue = Catalogue(tuple(sorted(films, key=lambda film: film.id)))
    rows = _lines(folder / _FILES[0], ["user_id", "item_id", "rating", "timestamp"])
    try:
        table = np.array([row.split("\t") for row in rows]).astype(np.int64)
        items = np.array([catalogue.position[item] for item in table[:, 1].tolist()])
    except (ValueError, KeyError) as error:
        raise DataError(f"{folder / _FILES[0]}: not MovieLens 100K: {error!r}: {_REMEDY}") from None
    interactions = Interactions(table[:, 0], items, table[:, 2].astype(np.float64), table[:, 3], len(catalogue))
    return interactions.by_time(), catalogue


def data_sha256(folder: Path) -> str:
    """The sha256 of both files: it ties an artefact to its training set."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in _FILES)).hexdigest()


def _download(folder: Path) -> Path:
    pip = ROOT / ".venvs/uv/bin/python"  # the environment that set-up made has pip; the others have none
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command = [str(pip), "-m", "pip", "download", *options, f"--dest={folder}", f"--requirement={_REQUIREMENT}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
        (wheel,) = folder.glob("*.whl")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        output = str(getattr(error, "stderr", None) or error).strip()
        raise DataError(f"MovieLens 100K: could not be fetched: {output.splitlines()[-1]}: {_REMEDY}") from None
    return wheel


def _lines(path: Path, columns: Sequence[str]) -> list[str]:
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}: {_REMEDY}") from None
    names = [name.split(":")[0] for name in header.split("\t")]
    if names[: len(columns)] != list(columns):
        raise DataError(f"{path} columns {names}: expected {list(columns)} first: {_REMEDY}")
    return lines


def _film(line: str, folder: Path) -> Item:
    try:
        item, title, year, genres = line.split("\t")
        return Item(int(item), f"{title} ({year})" if year else title, tuple(genres.split()))
    except ValueError:
        raise DataError(f"{folder / _FILES[1]}: not a film: {line[:80]}: {_REMEDY}") from None
