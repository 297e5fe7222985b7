"""The engine that builds and runs images; every test here is skipped, with the reason, where there is none."""

from __future__ import annotations

import pytest

from workbench.images import ContainerEngine, EngineError, find_engine


@pytest.fixture(scope="session")
def engine() -> ContainerEngine:
    try:
        return find_engine()
    except EngineError as reason:
        pytest.skip(str(reason))
