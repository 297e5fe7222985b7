"""The feature loader on a real Valkey."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shop.addresses import Addresses
from shop.features.store import (
    FILES,
    FLOAT,
    GENERATION,
    MANIFEST,
    POPULAR,
    POPULAR_FILE,
    decode,
    item_key,
    user_key,
)
from shop.serving.feature_loader import Loader
from shop.serving.stores import FeaturesReady, ValkeyReady, connect, features_command
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis

ROWS, WIDTH = 5_000, 3


def write_features(folder: Path, generation: str, rows: int, first: float = 0) -> None:
    """Files in which the value of key k begins with k, give or take ``first``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES.values():
        values = np.arange(rows, dtype=FLOAT)[:, np.newaxis] + first
        np.save(folder / name, np.repeat(values, WIDTH, axis=1))
    (folder / POPULAR_FILE).write_text("[3, 1, 2]")
    names = [*FILES.values(), POPULAR_FILE]
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / MANIFEST).write_text(json.dumps({"generation": generation, "files": digests, "as_of": 1}))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[Addresses]:
    """Where the feature store runs, with its users."""
    folder = tmp_path_factory.mktemp("valkey")
    served = Addresses(run_dir=folder, features_port=free_ports(1)[0])
    command = features_command(served)
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            until(lambda: ValkeyReady(served, "features").missing() is None)
            yield served
        finally:
            server.kill()


@pytest.fixture
def store(served: Addresses) -> Iterator[redis.Redis]:
    with connect(served, "features") as client:
        client.flushall()
        yield client


@pytest.fixture
def addresses(tmp_path: Path, served: Addresses) -> Addresses:
    """The same store, with features of a test's own."""
    (tmp_path / "valkey").symlink_to(served.run_dir / "valkey")
    found = Addresses(run_dir=tmp_path, features_port=served.features_port)
    write_features(found.features_dir, "first", ROWS)
    return found


def test_an_empty_store_is_filled_and_says_at_the_end_with_what(store: redis.Redis, addresses: Addresses) -> None:
    assert FeaturesReady(addresses, "first").missing() == "the features are not loaded yet"
    assert Loader(addresses).step()
    assert FeaturesReady(addresses, "first").missing() is None
    assert store.dbsize() == len(FILES) * ROWS + 2
    assert decode(held(store, item_key(4_321)), WIDTH)[0] == 4_321
    assert json.loads(held(store, POPULAR)) == [3, 1, 2]


def test_a_filled_store_is_left_alone(store: redis.Redis, addresses: Addresses) -> None:
    loader = Loader(addresses)
    loader.step()
    store.set(item_key(1), b"touched")
    assert loader.step()
    assert store.get(item_key(1)) == b"touched"


def test_a_new_generation_replaces_the_old_one_and_all_that_it_lacks(store: redis.Redis, addresses: Addresses) -> None:
    loader = Loader(addresses)
    loader.step()
    write_features(addresses.features_dir, "second", 100, first=7)
    assert loader.step()
    assert store.get(GENERATION) == b"second"
    assert decode(held(store, user_key(3)), WIDTH)[0] == 10
    assert store.dbsize() == len(FILES) * 100 + 2


def test_damaged_features_are_not_loaded_and_no_generation_is_claimed(
    store: redis.Redis, addresses: Addresses, caplog: pytest.LogCaptureFixture
) -> None:
    path = addresses.features_dir / "users.npy"
    path.write_bytes(path.read_bytes() + b"\0")
    loader = Loader(addresses)
    assert [loader.step() for _ in range(3)] == [False] * 3
    assert store.get(GENERATION) is None
    (message,) = caplog.messages
    assert "users.npy sha256" in message
    assert message.endswith("run make train-3, or set SHOP_RUN_DIR")


def test_without_features_or_store_it_goes_on_trying(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> None:
    nowhere = Addresses(run_dir=tmp_path, features_port=free_ports(1)[0])
    loader = Loader(nowhere)
    assert not loader.step()
    write_features(nowhere.features_dir, "first", 10)
    assert not loader.step()


@pytest.mark.slow
def test_the_process_fills_a_store_that_was_emptied_and_stops_when_told(
    store: redis.Redis, addresses: Addresses, tmp_path: Path
) -> None:
    environment = {"SHOP_RUN_DIR": str(tmp_path), "SHOP_FEATURES_PORT": str(addresses.features_port)}
    command = [sys.executable, "-m", "shop.serving.feature_loader"]
    once = subprocess.run([*command, "--once"], env={**os.environ, **environment}, capture_output=True, check=True)
    assert json.loads(once.stdout)["message"].startswith("30001 features of generation first loaded in ")
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE) as process:
        store.flushall()
        until(lambda: store.get(GENERATION) == b"first")
        process.send_signal(signal.SIGTERM)
        assert process.wait(GENEROUS_S) == 0


def held(store: redis.Redis, key: str) -> bytes:
    value = store.get(key)
    assert isinstance(value, bytes)
    return value
