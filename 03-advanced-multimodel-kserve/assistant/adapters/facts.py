"""The facts of an item: what the feature store holds of it, in a shopper's words, and what its seller wrote."""

from __future__ import annotations

from math import exp, expm1
from typing import TYPE_CHECKING, Any, Final

from assistant.domain.errors import ParameterError
from servekit.errors import NotReadyError
from shop.categories import CATEGORIES as NAMES
from shop.features import store
from shop.features.ranking import CATEGORIES, ITEM
from shop.gateway.adapters.valkey import pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.gateway.adapters.valkey import Valkey

__all__ = ["ItemFacts", "facts_of", "text_key"]

_CATEGORY: Final = 16
_MOST_TEXT: Final = 600


def text_key(item: int) -> str:
    """Where the store has a seller's text about an item, if there is one."""
    return f"t:{item}"


class ItemFacts:
    """Looks facts up, in one round trip.

    Args:
        valkey: the feature store.
        timeout_s: how long it may take.
    """

    def __init__(self, valkey: Valkey, timeout_s: float) -> None:
        self._valkey = valkey
        self._timeout_s = timeout_s

    async def find(self, named: str) -> dict[str, Any]:
        """The facts of the item that ``metadata.item`` names.

        Raises:
            ParameterError: it is no number, or the shop has no such item.
            NotReadyError: the store does not answer, or is empty.
        """
        if not (named.isascii() and named.isdigit() and len(named) <= 9):  # noqa: PLR2004 - ids are 31 bits
            raise ParameterError("metadata.item", named, "expected an item's number")
        item = int(named)
        keys = (store.GENERATION, store.item_key(item), text_key(item))
        try:
            generation, block, text = await self._valkey.ask(pack((b"MGET", *keys)), self._timeout_s)
        except OSError as error:
            raise NotReadyError("features", None, f"not to be had: {error or type(error).__name__}") from None
        if generation is None:
            raise NotReadyError("features", None, "not loaded yet")
        if block is None:
            raise ParameterError("metadata.item", named, "no such item in the shop")
        facts = facts_of(store.decode(block, store.ITEM_WIDTH))
        if text:
            facts["text of the seller"] = text.decode("utf-8", "replace")[:_MOST_TEXT]
        return facts


def facts_of(block: NDArray[Any]) -> dict[str, Any]:
    """What a block of ranking features says of its item; prices and counts are logarithms there."""

    def value(name: str) -> float:
        return float(block[ITEM[name]])

    category = int(block[_CATEGORY : _CATEGORY + CATEGORIES].argmax())
    return {
        "category": NAMES[category],
        "price": f"{exp(value('price')):.2f} EUR",
        "rating": f"{value('rating'):.1f} of 5 stars",
        "number of reviews": round(expm1(value("reviews"))),
        "times bought": round(expm1(value("purchases"))),
        "days in the shop": round(expm1(value("age"))),
    }
