"""Who is tied to whom through shared cards and devices, as a nightly job would find out.

Addresses tie nobody: half a city shares one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from shop.world.people import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.world.paying import Payments

__all__ = ["Network"]


class Network:
    """Sizes of connected components as of each midnight, in users."""

    def __init__(self, payments: Payments) -> None:
        self._users = int(payments.user.max()) + 1
        self._cards = int(payments.card.max()) + 1
        self._devices = int(payments.device.max()) + 1
        card, device = self._users + payments.card, self._users + self._cards + payments.device
        user = np.concatenate([payments.user, payments.user])
        thing = np.concatenate([card, device])
        time = np.concatenate([payments.time, payments.time])
        order = np.argsort(time, kind="stable")
        user, thing, time = user[order], thing[order], time[order]
        _, first = np.unique(user * self._nodes + thing, return_index=True)
        first.sort()
        self._edges, self._time = (user[first], thing[first]), time[first]
        self._nights: dict[int, NDArray[np.int64]] = {}

    @property
    def _nodes(self) -> int:
        return self._users + self._cards + self._devices

    def size(self, kind: str, ids: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Users tied to each entity by the midnight before; 0 for an address and for what was not there."""
        sizes = np.zeros(len(ids), np.int64)
        if kind == "ip":
            return sizes
        nodes = ids + {"user": 0, "card": self._users, "device": self._users + self._cards}[kind]
        limit = {"user": self._users, "card": self._cards, "device": self._devices}[kind]
        nights = moments // DAY
        for night in np.unique(nights):
            (rows,) = np.nonzero((nights == night) & (ids < limit))
            sizes[rows] = self._as_of(int(night) * DAY)[nodes[rows]]
        return sizes

    def _as_of(self, midnight: int) -> NDArray[np.int64]:
        """Users in the component of each node."""
        if midnight not in self._nights:
            until = int(np.searchsorted(self._time, midnight))
            user, thing = self._edges[0][:until], self._edges[1][:until]
            matrix = coo_array((np.ones(until, np.int8), (user, thing)), shape=(self._nodes, self._nodes))
            count, label = connected_components(matrix, directed=False)
            self._nights[midnight] = np.bincount(label[: self._users], minlength=count)[label]
        return self._nights[midnight]
