"""How users, cards, devices and addresses were used before a moment: exact, for every payment at once.

All sums are of integers (logarithms in units of 2⁻²⁰), so a value depends on what came before it and on nothing else,
not even in its last bit: the row a model learned from and the value the feature store serves are the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shop.features.fraud import ENTITY, RESALE
from shop.features.store import ENTITY_WIDTH, FLOAT
from shop.world.people import DAY, HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.models.fraud.network import Network
    from shop.world.paying import Payments

__all__ = ["KINDS", "History"]

KINDS = ("user", "card", "device", "ip")
"""The entities of a payment, in the order in which the model's features have them."""

_UNIT = 2.0**20
_CHARGEBACK = 10 * DAY  # until the bank says so
_LONG = 2**31  # more seconds than any world lasts: (entity, second) as one number


@dataclass(frozen=True)
class _Column:
    """Payments of one kind of entity, sorted by entity and time; sums are up to and without each row."""

    when: NDArray[np.int64]
    time: NDArray[np.int64]
    sums: dict[str, NDArray[np.int64]]
    reported: NDArray[np.int64]


class History:
    """All payments there are; what is asked for is as of a moment, without what came later."""

    def __init__(self, payments: Payments, network: Network) -> None:
        self._payments = payments
        self._network = network
        self._columns = {kind: self._column(kind) for kind in KINDS}

    def entities(self, kind: str, ids: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, ENTITY_WIDTH): entity ``ids[n]`` of a kind as of just before ``moments[n]``; zeros if never seen."""
        column = self._columns[kind]
        first = np.searchsorted(column.when, ids * _LONG)
        now = np.searchsorted(column.when, ids * _LONG + moments)

        def since(start: NDArray[np.int64], name: str) -> NDArray[np.int64]:
            return column.sums[name][now] - column.sums[name][start]

        count = now - first
        some = np.maximum(count, 1)
        mean = since(first, "amount") / _UNIT / some
        square = since(first, "square") / _UNIT / some
        hour_ago, day_ago = (np.maximum(first, self._place(column, ids, moments - ago)) for ago in (HOUR, DAY))
        cos, sin = since(first, "cos") / _UNIT, since(first, "sin") / _UNIT
        values = {
            "known": count > 0,
            "payments": np.log1p(count),
            "last_hour": np.log1p(now - hour_ago),
            "last_day": np.log1p(now - day_ago),
            "amount_last_day": np.log1p(since(day_ago, "money") / 100),
            "mean_amount": mean,
            "users": np.log1p(since(first, "users")),
            "others": np.log1p(since(first, "others")),
            "component": np.log1p(self._network.size(kind, ids, moments)),
            "chargebacks": np.log1p(self._reported(column, ids, moments)),
            "age": self._hours(moments - column.time[np.minimum(first, len(column.time) - 1)]),
            "idle": self._hours(moments - column.time[np.maximum(now - 1, 0)]),
            "spread": np.sqrt(np.maximum(square - mean * mean, 0)),
            "hour_cos": cos / some,
            "hour_sin": sin / some,
            "category": self._favourite(column, first, now),
        }
        block = np.stack([values[name] for name in ENTITY], axis=1).astype(FLOAT)
        block[count == 0] = 0
        if block.shape[1] != ENTITY_WIDTH:
            raise AssertionError(f"entity {block.shape[1]} columns: expected {ENTITY_WIDTH}")
        return block

    def _column(self, kind: str) -> _Column:
        payments = self._payments
        ids = getattr(payments, kind)
        order = np.lexsort((payments.time, ids))
        when = ids[order] * _LONG + payments.time[order]
        amount = np.log1p(payments.amount)
        angle = payments.hour * (2 * np.pi / 24)
        users, others = _PAIRS[kind]
        values: dict[str, NDArray[Any]] = {
            "amount": np.rint(amount * _UNIT),
            "square": np.rint(amount * amount * _UNIT),
            "money": np.rint(payments.amount * 100),
            "cos": np.rint(np.cos(angle) * _UNIT),
            "sin": np.rint(np.sin(angle) * _UNIT),
            "users": _first_times(ids, getattr(payments, users)),
            "others": _first_times(ids, getattr(payments, others)),
        }
        if kind == "user":
            values |= {f"category_{each}": payments.category == each for each in range(len(RESALE))}
        sums = {name: np.concatenate([[0], np.cumsum(value[order].astype(np.int64))]) for name, value in values.items()}
        fraud = payments.fraud[order]
        return _Column(when, payments.time[order], sums, when[fraud] + _CHARGEBACK)

    @staticmethod
    def _place(column: _Column, ids: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.int64]:
        place: NDArray[np.int64] = np.searchsorted(column.when, ids * _LONG + np.maximum(moments, 0))
        return place

    @staticmethod
    def _reported(column: _Column, ids: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Chargebacks on an entity that the bank has reported by then."""
        first = np.searchsorted(column.reported, ids * _LONG)
        reported: NDArray[np.int64] = np.searchsorted(column.reported, ids * _LONG + moments) - first
        return reported

    @staticmethod
    def _hours(seconds: NDArray[np.int64]) -> NDArray[np.float64]:
        hours: NDArray[np.float64] = np.log1p(np.maximum(seconds, 0) / HOUR)
        return hours

    @staticmethod
    def _favourite(column: _Column, first: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.int64]:
        """The category an entity paid for most; 0 where that is not kept."""
        names = [name for name in column.sums if name.startswith("category_")]
        if not names:
            return np.zeros(len(first), np.int64)
        counts = np.stack([column.sums[name][now] - column.sums[name][first] for name in names], axis=1)
        favourite: NDArray[np.int64] = np.argmax(counts, axis=1)
        return favourite


# Of each kind: what ``users`` and ``others`` count.
_PAIRS = {"user": ("card", "device"), "card": ("user", "device"), "device": ("user", "card"), "ip": ("user", "card")}


def _first_times(ids: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each payment is the first of its pair; rows are in the order of time."""
    _, first = np.unique(ids * (int(others.max()) + 1) + others, return_index=True)
    mask = np.zeros(len(ids), bool)
    mask[first] = True
    return mask
