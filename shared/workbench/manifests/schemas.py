"""Schemas of custom resources, fetched when somebody needs them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from workbench.manifests.crds import CACHE, CrdCatalogue, find_crds
from workbench.manifests.download import download
from workbench.manifests.validation import is_native
from workbench.versions import crd_releases

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.manifests.documents import Document

__all__ = ["without_schema"]


def without_schema(documents: list[Document], kubernetes: str) -> list[Document]:
    """Returns the custom resources without a schema; fetches the releases first where one is missing."""
    custom = [document for document in documents if not is_native(document, kubernetes)]
    missing = _missing(custom, find_crds())
    if missing and not os.environ.get("CRD_DIR"):
        for error in download(crd_releases(), CACHE):
            sys.stderr.write(f"{error}\n")
        CrdCatalogue.forget()
        missing = _missing(custom, find_crds())
    return missing


def _missing(custom: list[Document], folder: Path | None) -> list[Document]:
    """A kind of Kubernetes' own that is not known is a mistake, not a missing schema."""
    named = [document for document in custom if "." in document.group]
    if folder is None:
        return named
    return [document for document in named if CrdCatalogue(folder).find(document.group, document.kind) is None]
