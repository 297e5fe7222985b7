"""The feature store as the gateway asks it: one look-up for a request, whatever it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from shop.features import store
from shop.gateway.adapters.valkey import pack
from shop.gateway.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shop.gateway.adapters.valkey import Valkey

__all__ = ["FeatureLookup", "SearchFeatures"]

_UNAVAILABLE = "features_unavailable"
_USER = store.USER_WIDTH + store.EMBEDDING


class SearchFeatures(NamedTuple):
    """What the ranking model needs of the store: (USER_WIDTH,) and (n, ITEM_WIDTH)."""

    user: NDArray[np.float32]
    items: NDArray[np.float32]


class FeatureLookup:
    """Look-ups in one round trip, each with the store's generation: an empty store is no store.

    Items' blocks are kept here too. They only change when the whole feature set does, and every look-up says which set
    the store holds, so a kept block is never one that the store no longer has.

    Args:
        valkey: the store.
        item_blocks: how many items' blocks to keep; 0 asks the store for each.

    Raises `UnavailableError` where the store does not answer, not in time, or holds no features.

    Attributes:
        generation: of the feature set that the store was last seen with; empty before that.
    """

    def __init__(self, valkey: Valkey, item_blocks: int) -> None:
        self.generation = ""
        self._valkey = valkey
        self._row_of: dict[int, int] = {}
        self._blocks = np.zeros((item_blocks, store.ITEM_WIDTH), np.float32)

    async def embedding(self, user: int, timeout_s: float) -> NDArray[np.float32] | None:
        """(EMBEDDING,): the user's embedding; ``None`` for someone unknown, or who had done nothing to learn from."""
        (value,) = await self._ask((store.user_key(user),), timeout_s)
        embedding = _decode(value, _USER)[store.USER_WIDTH :]
        return embedding if embedding.any() else None

    async def search(self, user: int, items: Sequence[int], timeout_s: float) -> SearchFeatures:
        """The user's block and the items'; zeros for who or what is unknown."""
        while True:
            row_of, generation = self._row_of, self.generation
            rows = list(map(row_of.get, items))
            missing = [item for item, row in zip(items, rows, strict=True) if row is None] if None in rows else []
            value, *found = await self._ask((store.user_key(user), *map(store.item_key, missing)), timeout_s)
            if generation == self.generation or len(missing) == len(items):
                break  # else the kept blocks are of a set that the store has no more
        block = _decode(value, _USER)[: store.USER_WIDTH]
        if not missing:
            return SearchFeatures(block, self._blocks.take(np.array(rows, np.intp), axis=0))
        fetched = {item: _decode(each, store.ITEM_WIDTH) for item, each in zip(missing, found, strict=True) if each}
        self._keep(fetched)
        unknown = np.zeros(store.ITEM_WIDTH, np.float32)
        return SearchFeatures(block, np.stack([self._block(item, fetched.get(item, unknown)) for item in items]))

    async def payment(self, user: int, card: int, device: int, ip: int, timeout_s: float) -> list[NDArray[np.float32]]:
        """Four times (ENTITY_WIDTH,): user, card, device, address; zeros for what is unknown."""
        keys = (store.fraud_user_key(user), store.card_key(card), store.device_key(device), store.ip_key(ip))
        return [_decode(value, store.ENTITY_WIDTH) for value in await self._ask(keys, timeout_s)]

    async def popular(self, timeout_s: float) -> list[int]:
        """The most popular items, best first; asking also finds out the generation."""
        (value,) = await self._ask((store.POPULAR,), timeout_s)
        try:
            return msgspec.json.decode(value or b"[]", type=list[int])
        except msgspec.MsgspecError as error:
            raise UnavailableError(_UNAVAILABLE, f"{store.POPULAR}: {error}") from None

    async def _ask(self, keys: tuple[str, ...], timeout_s: float) -> list[bytes | None]:
        try:
            replies: list[bytes | None] = await self._valkey.ask(pack((b"MGET", store.GENERATION, *keys)), timeout_s)
        except OSError as error:
            raise UnavailableError(_UNAVAILABLE, str(error) or type(error).__name__) from None
        generation, *values = replies
        if generation is None:
            raise UnavailableError(_UNAVAILABLE, "the store is empty")
        found = generation.decode("ascii", "replace")
        if found != self.generation:
            self._row_of, self.generation = {}, found
        return values

    def _keep(self, fetched: dict[int, NDArray[np.float32]]) -> None:
        for item, block in fetched.items():
            row = len(self._row_of)
            if row < len(self._blocks) and item not in self._row_of:
                self._blocks[row] = block
                self._row_of[item] = row

    def _block(self, item: int, otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
        row = self._row_of.get(item)
        return otherwise if row is None else self._blocks[row]


def _decode(value: bytes | None, width: int) -> NDArray[np.float32]:
    try:
        return store.decode(value, width)
    except ValueError as error:
        raise UnavailableError(_UNAVAILABLE, str(error)) from None
