"""A shop with 300 users and 400 items, and its three models: trained once in a run of the tests, by who asks first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.world.settings import WorldSettings
from tests.once import once

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

__all__ = ["TINY", "trained_once"]

TINY = WorldSettings(users=300, items=400, events=6_000, days=60, seed=7)
"""Small, and good for nothing but tests: 21 frauds in all."""


def trained_once(factory: pytest.TempPathFactory) -> Path:
    """A run folder with ``world``, ``models``, ``evaluation`` and ``features``; to be read only."""
    return once(factory, "tiny-shop", _train)


def _train(folder: Path) -> None:
    from shop.commands.train import train  # noqa: PLC0415 - LightGBM and SciPy are for who trains

    train(TINY, folder)
