from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tiny_shop import trained_once

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def shop_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny shop's run folder, trained: ``models``, ``features``, ``evaluation``, ``world``; to be read only."""
    return trained_once(tmp_path_factory)
