"""What several tests of the workbench's start with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.workbench.cluster_tools import Tools

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("CONTEXT", "YES", "REGISTRY", "IMAGES", "DRIVER", "DOCKER"):
        monkeypatch.delenv(name, raising=False)
    return Tools(tmp_path)
