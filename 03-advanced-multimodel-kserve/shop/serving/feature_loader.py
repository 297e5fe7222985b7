"""``python -m shop.serving.feature_loader``: keeps the feature store filled with what training left.

Once a second it compares the store's generation with that of the artefacts: a store that was restarted is empty, and
training writes a new generation. The generation is written last, so a store that shows one holds all of it.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from typing import TYPE_CHECKING

import redis

from servekit.telemetry import configure_logging
from shop.addresses import Addresses
from shop.features.store import FILES, GENERATION, POPULAR
from shop.serving.feature_set import FeatureSet, FeatureSetError, read_manifest
from shop.serving.settings import StoreSettings
from shop.serving.stores import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Loader", "load", "main"]

_log = logging.getLogger("shop.feature_loader")

_EVERY_S = 1.0
_KEYS_AT_ONCE = 2_000


class Loader:
    """Fills one store from one folder of features."""

    def __init__(self, addresses: Addresses, host: str = "127.0.0.1") -> None:
        self._folder = addresses.features_dir
        self._client = connect(addresses, "features", "loader", host)
        self._problem = ""

    def step(self) -> bool:
        """Loads the features if the store does not hold them; returns whether it does now. Never raises.

        A problem is logged when it appears, not once a second.
        """
        try:
            generation = read_manifest(self._folder).generation
            if self._client.get(GENERATION) != generation.encode():
                begun = time.monotonic()
                keys = load(self._client, FeatureSet(self._folder))
                _log.info(
                    "%d features of generation %.12s loaded in %.2f s", keys, generation, time.monotonic() - begun
                )
        except (redis.RedisError, FeatureSetError) as error:
            if str(error) != self._problem:
                _log.warning("the features are not loaded: %s", error)
            self._problem = str(error)
            return False
        self._problem = ""
        return True


def load(client: redis.Redis, features: FeatureSet) -> int:
    """Writes every feature, takes away those that this generation has no more, and says which it is; returns how many.

    Raises:
        FeatureSetError: a file is missing, or not what the manifest vouches for; the store then has no generation.
        redis.RedisError: the store cannot be reached, or has no room.
    """
    client.delete(GENERATION)  # until the end, this is no generation: nobody may keep what is read now for long
    total = 0
    for prefix in FILES:
        values = features.values(prefix)
        for start in range(0, len(values), _KEYS_AT_ONCE):
            batch = values[start : start + _KEYS_AT_ONCE]
            client.mset({f"{prefix}{start + number}": value for number, value in enumerate(batch)})
        _forget(client, prefix, len(values))
        total += len(values)
    client.mset({POPULAR: features.popular(), GENERATION: features.manifest.generation})
    return total + 1


def _forget(client: redis.Redis, prefix: str, start: int) -> None:
    """Deletes ``<prefix>start`` and all that follow: keys are numbered without gaps."""
    while client.unlink(*(f"{prefix}{number}" for number in range(start, start + _KEYS_AT_ONCE))):
        start += _KEYS_AT_ONCE


def main(argv: Sequence[str] | None = None) -> int:
    """Loads, and goes on looking once a second until SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m shop.serving.feature_loader", description=__doc__.split("\n")[0])
    parser.add_argument("--once", action="store_true", help="load if need be, then end: 0 when the store is filled")
    options = parser.parse_args(argv)
    configure_logging("feature-loader")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    loader = Loader(Addresses(), StoreSettings().features_host)
    while True:
        filled = loader.step()
        if options.once:
            return 0 if filled else 1
        time.sleep(_EVERY_S)


if __name__ == "__main__":
    sys.exit(main())
