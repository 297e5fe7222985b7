"""What makes the suite quick, and decides its order: a plugin of pytest. Nothing in here changes what a test finds."""

from __future__ import annotations

import gc
import os
import ssl
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from tests.distribution import Groups, longest_first, shuffle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer  # type: ignore[import-untyped]

# Collecting makes a million objects that stay: looking for garbage among them takes a fifth of its time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    if "duckdb" in sys.modules:  # which takes what is kept at the process's end for leaks, and says so
        gc.unfreeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    return Groups(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run in random order: the same for the same seed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("shuffle")
    if seed is not None:
        shuffle(items, seed)
    elif "PYTEST_XDIST_WORKER" in os.environ:
        longest_first(items)


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Every httpx client reads the certificates of all authorities, 40 ms each; no test here needs them twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", lru_cache(ssl.create_default_context))
        yield
