"""What several tests of the workbench's start with."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from tests.unit.workbench.cluster_tools import Tools
from workbench.manifests.kustomize import render

if TYPE_CHECKING:
    from pathlib import Path


# Sixty tests deploy one of two overlays, and kubectl takes 0.1 s for one.
render_once = lru_cache(render)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("CONTEXT", "YES", "REGISTRY", "RELEASE", "IMAGES", "DRIVER", "DOCKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("workbench.cluster.deploy.render", render_once)
    monkeypatch.setattr("workbench.images.programs.FOLDER", tmp_path)
    return Tools(tmp_path)
