"""The engine that builds and runs images; every test here is skipped, with the reason, where there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workbench.images import ContainerEngine, EngineError, find_engine
from workbench.versions import ROOT


@pytest.fixture(scope="session")
def engine() -> ContainerEngine:
    try:
        return find_engine()
    except EngineError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session", autouse=True)
def packed(engine: ContainerEngine) -> None:
    """What levels 1 and 2 put into their images: as it was trained, for tests know no registry; trains where needed."""
    assert engine
    for package, made in (("iris_api", "1/models/iris/1"), ("recommender", "2/models/recommender/2")):
        commands = ["pack"] if (ROOT / ".run" / made / "model.json").is_file() else ["train", "pack"]
        for command in commands:
            subprocess.run([sys.executable, "-m", f"{package}.commands.{command}"], cwd=ROOT, check=True)
