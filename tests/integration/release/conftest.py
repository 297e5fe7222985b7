"""A registry for each test, and promises that the canary is held to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.artefacts import new_registry
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.registry import RegistrySettings

__all__ = ["promise"]


@pytest.fixture
def registry(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> RegistrySettings:
    settings = new_registry(tmp_path_factory, tmp_path / "run")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(settings.artefacts))
    monkeypatch.chdir(tmp_path)
    return settings


def promise(folder: Path, p99_ms: int, level: str = "01-beginner-iris-api") -> Path:
    """A level's SLA with another p99."""
    text = (ROOT / level / "sla.toml").read_text()
    path = folder / f"p99-{p99_ms}.toml"
    text = re.sub(r"p99_ms = \d+", f"p99_ms = {p99_ms}", text).replace("ratio = 0.95", "ratio = 0.1")
    path.write_text(text + "\n[generator]\nlag_p99_ms = 60_000 # the machine is busy\ntimeout_s = 60\n")
    return path


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """A promise that a busy machine keeps, too: the flow is judged here, not the machine."""
    return promise(tmp_path, 30_000)
