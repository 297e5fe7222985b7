"""Erases a person from what level 3 keeps: the features on disk and in the store, and the answers in the cache.

The features get zeros for the person, as for someone unknown, and so a new generation. The feature loader brings that
into the store. The gateways forget what they remember when they see it, and they find no answer of an older generation
in the cache. Those answers are deleted, too.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
import redis

from shop.features.store import FILES, GENERATION, MANIFEST
from shop.models.erased import add_erased, without
from shop.models.feature_files import write_features
from shop.serving.feature_set import FeatureSet, read_manifest
from shop.serving.stores import connect
from shop.world.record import read_record

if TYPE_CHECKING:
    from pathlib import Path

    from shop.addresses import Addresses
    from shop.world.paying import Payments

__all__ = ["ErasureError", "Person", "await_store", "erase_answers", "erase_features", "find_person"]

_KEYS_AT_ONCE: Final = 1_000
_PAUSE_S: Final = 0.1


class ErasureError(Exception):
    """The person could not be erased everywhere; the message says where, and that the command may be repeated."""


class _Moment(msgspec.Struct, frozen=True):
    """The part of the manifest that erasing keeps."""

    as_of: int


class Person(NamedTuple):
    """Somebody's ids by key prefix, and how many payments they were found in."""

    ids: dict[str, set[int]]
    payments: int


def find_person(user: int, record: Path) -> Person:
    """The user's ids, with the cards, devices and addresses that nobody else has paid with; shared ones stay.

    Raises:
        RecordError: there is no record to find them in.
    """
    known = read_record(record)
    paid = known.payments
    ids = {"u:": {user}, "f:": {user}}
    for prefix, column in (("c:", paid.card), ("d:", paid.device), ("p:", paid.ip)):
        ids[prefix] = set(np.setdiff1d(column[paid.user == user], column[paid.user != user]).tolist())
    return Person(ids, _count(paid, user))


def erase_features(run_dir: Path, person: Person) -> str:
    """Adds the person to the list of the erased, and writes the features anew; returns their generation.

    Raises:
        ErasedError: the list cannot be read; nothing was changed.
        FeatureSetError: the features are not whole; the person is on the list, and the next training leaves them out.
    """
    erased = add_erased(run_dir, person.ids)
    folder = run_dir / "features"
    features = FeatureSet(folder)
    blocks = {}
    for prefix, name in FILES.items():
        features.values(prefix)  # vouched for
        blocks[prefix] = np.load(io.BytesIO((folder / name).read_bytes()), allow_pickle=False)
    popular = np.array(msgspec.json.decode(features.popular(), type=list[int]))
    as_of = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Moment).as_of
    return write_features(folder, without(blocks, erased), popular, as_of)


def await_store(addresses: Addresses, generation: str, timeout_s: float) -> bool:
    """Waits until the store holds that generation; False where no store runs, which then holds nothing.

    Raises:
        ErasureError: it runs, and did not get the generation in time.
    """
    until = time.monotonic() + timeout_s
    with connect(addresses, "features") as client:
        try:
            while client.get(GENERATION) != generation.encode():
                if time.monotonic() > until:
                    raise ErasureError(
                        f"feature store: not at generation {generation[:12]} after {timeout_s:g} s; "
                        "`make status-3` shows whether the feature loader runs; then repeat this"
                    )
                time.sleep(_PAUSE_S)
        except redis.RedisError as error:
            if _is_down(error):
                return False
            raise ErasureError(f"feature store: {error}; repeat this once it answers") from None
    return True


def erase_answers(addresses: Addresses) -> int | None:
    """Deletes the cached answers of other generations than the one on disk; returns how many, None without a cache.

    Raises:
        FeatureSetError: there is no manifest.
        ErasureError: the cache refused.
    """
    ours = f"a:{read_manifest(addresses.features_dir).generation[:16]}:".encode()
    deleted = 0
    try:
        with connect(addresses, "cache") as client:
            found: list[bytes] = []
            for key in client.scan_iter(match="a:*", count=_KEYS_AT_ONCE):
                if not key.startswith(ours):
                    found.append(key)
                if len(found) == _KEYS_AT_ONCE:
                    deleted += int(client.unlink(*found))
                    found.clear()
            return deleted + (int(client.unlink(*found)) if found else 0)
    except redis.RedisError as error:
        if _is_down(error):
            return None
        raise ErasureError(f"cache: {error}; repeat this once it answers") from None


def _is_down(error: redis.RedisError) -> bool:
    """Whether nothing listens there. A store that refuses the login, or is slow, still holds what it holds."""
    return isinstance(error.__context__, ConnectionRefusedError)


def _count(paid: Payments, user: int) -> int:
    return int(np.count_nonzero(paid.user == user))
