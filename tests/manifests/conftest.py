"""Every overlay of every level, found by where it lies: a new level joins by having ``deploy/overlays/NAME``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from workbench.manifests import CRDS_REMEDY, Document, build, find_crds, is_native
from workbench.versions import ROOT

OVERLAYS = sorted(file.parent for file in ROOT.glob("0*-*/deploy/overlays/*/kustomization.yaml"))
PRODUCTION = [overlay for overlay in OVERLAYS if overlay.name == "production"]

built = lru_cache(build)  # an overlay is built once for all tests


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, overlays in (("overlay", OVERLAYS), ("production_overlay", PRODUCTION)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, overlays, ids=[str(overlay.relative_to(ROOT)) for overlay in overlays])


@pytest.fixture
def documents(overlay: Path) -> list[Document]:
    """The overlay's documents, as kustomize renders them."""
    return built(overlay)


@pytest.fixture
def production(production_overlay: Path) -> list[Document]:
    """The documents of a level's production overlay."""
    return built(production_overlay)


@pytest.fixture
def level(overlay: Path) -> int:
    """The number of the level the overlay belongs to."""
    return int(overlay.relative_to(ROOT).parts[0].partition("-")[0])


@pytest.fixture
def crds() -> Path:
    """The CRD files; a test that needs them is skipped, with the remedy, where there are none."""
    found = find_crds()
    if found is None:
        pytest.skip(CRDS_REMEDY)
    return found


@pytest.fixture
def needed_crds(documents: list[Document], request: pytest.FixtureRequest) -> Path | None:
    """The CRD files, where the overlay has custom resources; None where it needs none."""
    if all(is_native(document) for document in documents):
        return None
    found = request.getfixturevalue("crds")
    assert isinstance(found, Path)
    return found
