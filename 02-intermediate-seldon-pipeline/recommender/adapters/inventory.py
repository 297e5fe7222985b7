"""The inventory in Valkey or Redis: which items are out of stock.

One key holds one bit for each item id, set when the item is out of stock. So a request needs a single GET of 211 bytes
for 1,682 items, however many are sold out, and the very next request sees a change.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recommender.adapters.address import Address, UnknownAddressError
from recommender.domain.stock import Stock
from servekit.errors import InvalidValueError, NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from recommender.domain.catalogue import Catalogue

__all__ = ["KEY", "RIGHTS", "TIMEOUT_S", "Inventory"]

KEY = "recommender:out-of-stock"

RIGHTS = {"step": f"~{KEY} +get +ping", "keeper": f"~{KEY} +get +setbit +multi +exec +ping"}
"""The rights of the inventory's users: the pipeline's ``step`` reads, the ``keeper`` of the stock also writes."""

TIMEOUT_S = 0.05  # an answer takes 0.1 ms; a request must not wait long for one that does not come
_AWAY = (redis.RedisError, UnknownAddressError)
_PAUSE_S = 0.25  # between attempts while the inventory is away, so that a hanging one does not slow every request


class Inventory:
    """Which items are out of stock; the last known set while the inventory does not answer.

    Args:
        url: the server's address, e.g. ``redis://127.0.0.1:8240``.
        catalogue: the items.
        snapshot_s: how long the last answer may stand in for a new one.
        timeout_s: how long to wait for an answer; a command can wait longer than a request.
        login: user and password, or None where the server asks for none.
        clock: seconds that only grow.
        address: of the server; None looks the URL's host up.
    """

    def __init__(  # noqa: PLR0913 - whom it asks, how, and what for
        self,
        url: str,
        catalogue: Catalogue,
        *,
        snapshot_s: float = 60,
        timeout_s: float = TIMEOUT_S,
        login: tuple[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        address: Address | None = None,
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._ids = catalogue.ids
        self._known = catalogue.position
        self._snapshot_s = snapshot_s
        self._clock = clock
        self._snapshot: NDArray[np.bool_] | None = None
        self._asked_at = self._failed_at = float("-inf")
        user, password = login or (None, None)
        self._client = redis.Redis.from_url(
            url,
            username=user,
            password=password,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 1),
        )
        self._server = self._client.connection_pool.connection_kwargs
        self._address = address or Address(str(self._server.get("host", "localhost")))

    def stock(self) -> Stock:
        """The items out of stock now, or, while the inventory does not answer, at most ``snapshot_s`` ago.

        Raises:
            NotReadyError: the inventory does not answer, and the snapshot is missing or too old.
        """
        now = self._clock()
        if now - self._failed_at >= _PAUSE_S:
            try:
                out = self._ask()
            except _AWAY:
                self._failed_at = self._clock()
                self._address.doubt()
            else:
                self._snapshot, self._asked_at = out, now
                return Stock(out)  # not the snapshot: another thread may just have replaced it
        age_s = self._clock() - self._asked_at
        if self._snapshot is None or age_s > self._snapshot_s:
            raise NotReadyError(
                "inventory", self._url, f"does not answer, and no snapshot is younger than {self._snapshot_s:g} s"
            )
        return Stock(self._snapshot, age_s)

    def set_out(self, items: Iterable[int], *, out: bool) -> None:
        """Marks items as out of stock, or as back in stock: all of them, or none when one is unknown.

        Raises:
            InvalidValueError: an item is not in the catalogue.
            NotReadyError: the inventory does not answer.
        """
        changed = list(items)
        for item in changed:
            if item not in self._known:
                raise InvalidValueError("item", item, "unknown: expected an item of the catalogue")
        try:
            with self._resolved().pipeline() as pipeline:
                for item in changed:
                    pipeline.setbit(KEY, item, int(out))
                pipeline.execute()
        except _AWAY as error:
            raise self._away(error) from None

    def out(self) -> list[int]:
        """The ids that are out of stock, ascending.

        Raises:
            NotReadyError: the inventory does not answer.
        """
        try:
            return [int(item) for item in np.sort(self._ids[self._ask()])]
        except _AWAY as error:
            raise self._away(error) from None

    def _ask(self) -> NDArray[np.bool_]:
        content = self._resolved().get(KEY)
        bits = np.unpackbits(np.frombuffer(content if isinstance(content, bytes) else b"", np.uint8))
        marked = np.zeros(int(self._ids.max()) + 1, bool)
        marked[: len(bits)] = bits[: len(marked)]
        return marked[self._ids]

    def _resolved(self) -> redis.Redis:
        """The client, which opens its next connection to an address and so asks no DNS."""
        if self._url.startswith("redis://"):  # a socket has no name, and a certificate is for one
            self._server["host"] = self._address.current(self._timeout_s)
        return self._client

    def _away(self, error: Exception) -> NotReadyError:
        return NotReadyError("inventory", self._url, f"{error}: start it with make up-2")
