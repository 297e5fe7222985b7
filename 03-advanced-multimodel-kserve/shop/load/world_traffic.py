"""Traffic of the simulated world: what its people ask after the models were trained, and what they make of the answers.

Who asks how often is the world's own doing: one in ten of the people asks for more than a quarter of the
recommendations, and that is what the cache lives by. All who ever looked at an item ask for them, as often as they
did: the few thousand recorded ones alone would be known to the cache before long. A search is never asked twice: its
query and candidates come from one recorded search, the person from another.
"""

from __future__ import annotations

import random
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from servekit.errors import InvalidValueError
from shop.endpoints import BY_MODEL, RECOMMENDATIONS, SEARCH
from shop.load.caller import key_headers
from shop.load.offering import SLOT, Message, encoded
from shop.load.replay import Replay
from shop.world.recorded_traffic import MIX
from workbench.load import Request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from shop.addresses import Addresses
    from workbench.load import Answer

__all__ = ["WorldTraffic", "mixed_messages", "world_replay"]

_PER_MODEL = 4000


class _Row(NamedTuple):
    path: str
    body: bytes
    truth: bytes


class WorldTraffic:
    """The recorded requests, by kind.

    Args:
        addresses: where they are.
        afresh: order them by chance, so that the same draws are other requests each time: a run that repeats the one
            before it would be answered from that one's cache.

    Raises:
        InvalidValueError: no traffic was recorded.
    """

    def __init__(self, addresses: Addresses, *, afresh: bool = False) -> None:
        world = addresses.run_dir / "world"
        self._headers = {"content-type": "application/json", **key_headers()}
        try:
            columns = pq.read_table(world / "traffic.parquet", columns=["kind", "path", "body", "truth"]).to_pydict()
            visitors = pq.read_table(world / "views.parquet", columns=["user"])["user"]
        except (OSError, pa.ArrowException) as error:
            raise InvalidValueError(str(world), None, f"no traffic to replay ({error}): run make train-3") from None
        self._rows: dict[str, list[_Row]] = {}
        for kind, *row in zip(*columns.values(), strict=True):
            where, body, truth = row
            self._rows.setdefault(kind, []).append(_Row(where, body.encode(), truth.encode()))
        searchers = [int(row.body.partition(b",")[0].rpartition(b":")[2]) for row in self._rows[SEARCH.kind]]
        self._askers = {SEARCH.kind: searchers, RECOMMENDATIONS.kind: visitors.to_pylist()}
        if afresh:
            for rows in (*self._rows.values(), *self._askers.values()):
                random.shuffle(rows)

    def request(self, kind: str, draw: Random) -> Request:
        """The next request of a kind; its oracle is what the person makes of an answer, as JSON."""
        row = draw.choice(self._rows[kind])
        body = row.body
        if kind in self._askers:
            _, comma, question = body.partition(b",")
            body = b'{"user": %*d' % (SLOT, draw.choice(self._askers[kind])) + comma + question
        return Request(row.path, body, headers=self._headers, oracle=row.truth)

    def recorded(self, kind: str, draw: Random) -> Request:
        """The next request exactly as it was recorded, so that what the person makes of an answer fits it."""
        row = draw.choice(self._rows[kind])
        return Request(row.path, row.body, headers=self._headers, oracle=row.truth)


def mixed_messages(addresses: Addresses, count: int) -> list[Message]:
    """Requests in the world's mix, encoded for the edge.

    Raises:
        InvalidValueError: there is no traffic to replay.
    """
    traffic, draw = WorldTraffic(addresses, afresh=True), random.Random(1)  # noqa: S311 - a load pattern, not a secret
    kinds = draw.choices(list(MIX), cum_weights=list(accumulate(MIX.values())), k=count)
    return encoded(addresses.port, [traffic.request(kind, draw) for kind in kinds])


def world_replay(addresses: Addresses, model: str, rate_rps: float) -> Replay:
    """Requests of a model, with the feedback of those who asked.

    Raises:
        InvalidValueError: there is no traffic to replay.
    """
    traffic, draw = WorldTraffic(addresses, afresh=True), random.Random(1)  # noqa: S311 - likewise
    requests = [traffic.recorded(BY_MODEL[model].kind, draw) for _ in range(_PER_MODEL)]
    return Replay(addresses.port, model, encoded(addresses.port, requests), rate_rps, _outcomes)


class _Item(msgspec.Struct):
    id: int


class _Answer(msgspec.Struct):
    items: list[_Item] = []
    decision: str = ""


class _Truth(msgspec.Struct):
    clicked: list[int] | None = None
    viewed: list[int] | None = None
    fraud: bool = False


def _outcomes(message: Message, reply: Answer) -> Sequence[str]:
    """The outcomes to report for an answer.

    Of a search, whether its first item is one that the person clicks; of recommendations, whether any is looked at
    next. Of a payment, what became of it, if it was let through: of the others nobody learns what they were.
    """
    answer, truth = (
        msgspec.json.decode(reply.body, type=_Answer),
        msgspec.json.decode(message.request.oracle, type=_Truth),
    )
    if truth.clicked is not None:
        good = answer.items[0].id in truth.clicked
    elif truth.viewed is not None:
        good = any(item.id in truth.viewed for item in answer.items)
    else:
        outcome = "chargeback" if truth.fraud else "legitimate"
        return [outcome] if answer.decision == "approve" else []
    return ["impression", "click"] if good else ["impression"]
