"""Where custom resources' schemas are found: a folder of CustomResourceDefinition files."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.manifests.documents import ManifestError, parse
from workbench.versions import ROOT

__all__ = ["CACHE", "CRDS_REMEDY", "CrdCatalogue", "find_crds", "split"]

CACHE = ROOT / ".cache" / "crds"
CRDS_REMEDY = "no CRD schemas here: `make crds` fetches them, or CRD_DIR names a folder that has them"

_MARKER = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)


def find_crds(cache: Path = CACHE, beside: Path = ROOT.parent / "shared" / "crds") -> Path | None:
    """The folder of CRD files: ``CRD_DIR``, else the cache of ``make crds``, else ``../shared/crds``, else None.

    Raises:
        ManifestError: ``CRD_DIR`` is set but is no folder.
    """
    if chosen := os.environ.get("CRD_DIR"):
        if not Path(chosen).is_dir():
            raise ManifestError(f"CRD_DIR {chosen}: not a folder")
        return Path(chosen)
    return next((folder for folder in (cache, beside) if any(folder.glob("*.yaml"))), None)


def split(text: str) -> list[str]:
    """A YAML stream cut into the texts of its documents."""
    return [part for part in _MARKER.split(text) if part.strip()]


class CrdCatalogue:
    """The definitions in a folder. A file is parsed only when it can hold the kind that is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, group: str, kind: str) -> dict[str, Any] | None:
        """The definition of a kind, or None; ``ManifestError`` when the file that holds it is not YAML."""
        return _find(self.folder, group, kind)

    @staticmethod
    def forget() -> None:
        """Look anew: files have come."""
        _find.cache_clear()
        _read.cache_clear()


@lru_cache(maxsize=256)
def _find(folder: Path, group: str, kind: str) -> dict[str, Any] | None:
    for file in sorted(folder.glob("*.yaml")):
        for text in split(_read(file)):
            if group in text and kind in text and "CustomResourceDefinition" in text:
                for document in parse(text, str(file), generated=True):
                    spec = document.body.get("spec", {})
                    if spec.get("group") == group and spec.get("names", {}).get("kind") == kind:
                        return document.body
    return None


@lru_cache(maxsize=64)
def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
