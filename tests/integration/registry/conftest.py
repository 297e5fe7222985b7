"""A registry for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.artefacts import new_registry

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.registry import RegistrySettings


@pytest.fixture
def registry(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> RegistrySettings:
    return new_registry(tmp_path_factory, tmp_path / "run")
