"""The features that training left on disk, checked against the manifest that vouches for them."""

from __future__ import annotations

import hashlib
import io
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servekit.artefact_folder import ArtefactError, ArtefactFolder
from shop.features.store import FILES, FLOAT, MANIFEST, POPULAR_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FeatureSet", "FeatureSetError", "Manifest", "read_manifest"]

_REMEDY = "run make train-3, or set SHOP_RUN_DIR"


class FeatureSetError(Exception):
    """Features that must not be served: missing, incomplete, or not the bytes that were trained."""


class Manifest(msgspec.Struct, frozen=True):
    """What ``features.json`` says of the files beside it; ``files`` has the sha256 of each."""

    generation: str
    files: dict[str, str]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder of features.

    Raises:
        FeatureSetError: there is none, or it is not one.
    """
    try:
        return msgspec.json.decode(_read(folder, MANIFEST), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FeatureSetError(f"{folder / MANIFEST}: {error}: {_REMEDY}") from None


class FeatureSet:
    """One generation of features."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def manifest(self) -> Manifest:
        """What vouches for the files; raises as `read_manifest`."""
        return read_manifest(self._folder)

    def values(self, prefix: str) -> list[bytes]:
        """The values of ``<prefix>0``, ``<prefix>1`` and so on.

        Raises:
            FeatureSetError: the file is missing, or not what the manifest vouches for.
        """
        content = self._verified(FILES[prefix])
        rows = np.ascontiguousarray(np.load(io.BytesIO(content), allow_pickle=False), FLOAT)
        whole, width = rows.tobytes(), rows[0].nbytes if len(rows) else 1
        return [whole[start : start + width] for start in range(0, len(whole), width)]

    def popular(self) -> bytes:
        """The value of ``popular``; raises as `values`."""
        return self._verified(POPULAR_FILE)

    def _verified(self, name: str) -> bytes:
        content = _read(self._folder, name)
        actual, expected = hashlib.sha256(content).hexdigest(), self.manifest.files.get(name, "nothing")
        if actual != expected:
            raise FeatureSetError(
                f"{self._folder / name} sha256 {actual[:12]}…: {MANIFEST} vouches for {expected[:12]}…: {_REMEDY}"
            )
        return content


def _read(folder: Path, name: str) -> bytes:
    try:
        return ArtefactFolder(folder, "make train-3", "SHOP_RUN_DIR").read(name)
    except ArtefactError as error:
        raise FeatureSetError(str(error)) from None
