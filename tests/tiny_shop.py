"""A shop with 300 users and 400 items, and its three models: trained once in a run of the tests, by who asks first."""

from __future__ import annotations

import os
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from typing import TYPE_CHECKING

from shop.entrypoints.train import train
from shop.world.settings import WorldSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

__all__ = ["TINY", "trained_once"]

TINY = WorldSettings(users=300, items=400, events=6_000, days=60, seed=7)
"""Small, and good for nothing but tests: 21 frauds in all."""


def trained_once(factory: pytest.TempPathFactory) -> Path:
    """A run folder with ``world``, ``models``, ``evaluation`` and ``features``; to be read only.

    The workers of pytest-xdist share it: the first one trains, the others wait for it.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "tiny-shop", shared / "tiny-shop.done"
    with _locked(shared / "tiny-shop.lock"):
        if not done.exists():
            train(TINY, folder)
            done.touch()
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        flock(file, LOCK_EX)
        yield
