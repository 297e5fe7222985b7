"""Traffic to replay: what the people of the simulated shop would ask the servers, in the order of time.

``traffic.parquet`` has a row for each request:

=======  =========================================================================================================
column   holds
=======  =========================================================================================================
time     seconds since the world began
kind     ``recommendations``, ``search`` or ``payments``
path     of the gateway
body     JSON, as the gateway takes it
truth    JSON: what the answer should have been: items that would be clicked, or looked at next, or whether it is fraud
=======  =========================================================================================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shop.endpoints import PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.world.searching import appeal, clicks, retrieve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shop.endpoints import Endpoint
    from shop.world.simulation import World

__all__ = ["CANDIDATES", "MIX", "RecordedRequest", "make_traffic", "write_traffic"]

MIX = {RECOMMENDATIONS.kind: 0.6, SEARCH.kind: 0.3, PAYMENTS.kind: 0.1}
"""Share of each kind of request."""

CANDIDATES = 100
"""Of each search; fewer where the catalogue is small."""

_NEXT = 10  # views after a visit that count as its truth


@dataclass(frozen=True)
class RecordedRequest:
    """A row of the traffic; ``body`` and ``truth`` are decoded."""

    time: int
    kind: str
    path: str
    body: dict[str, Any]
    truth: dict[str, Any]


def make_traffic(world: World, rng: np.random.Generator, since: int, count: int) -> list[RecordedRequest]:
    """``count`` requests of what happens after ``since``, or as many as there are."""
    makers = {RECOMMENDATIONS: _recommendations, SEARCH: _searches, PAYMENTS: _payments}
    requests: list[RecordedRequest] = []
    for endpoint, make in makers.items():
        requests.extend(make(world, rng, since, int(count * MIX[endpoint.kind])))
    return sorted(requests, key=lambda request: request.time)


def write_traffic(path: Path, requests: list[RecordedRequest]) -> None:
    """Writes the requests; the same ones give the same bytes."""
    columns: dict[str, list[Any]] = {
        "time": [request.time for request in requests],
        "kind": [request.kind for request in requests],
        "path": [request.path for request in requests],
        "body": [_json(request.body) for request in requests],
        "truth": [_json(request.truth) for request in requests],
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def _recommendations(world: World, rng: np.random.Generator, since: int, count: int) -> Iterator[RecordedRequest]:
    views = world.views
    late = np.nonzero(views.time >= since)[0]
    by_user = np.lexsort((views.time, views.user))
    key = views.user[by_user] * 2**32 + views.time[by_user]
    for row in _some(rng, late, count):
        user = int(views.user[row])
        first = int(np.searchsorted(key, user * 2**32 + views.time[row]))
        following = by_user[first : first + _NEXT]
        seen = views.item[following[views.user[following] == user]]
        body = {"user": user, "k": 10}
        yield _request(RECOMMENDATIONS, views.time[row], body, {"viewed": seen.tolist()})


def _searches(world: World, rng: np.random.Generator, since: int, count: int) -> Iterator[RecordedRequest]:
    searches = world.searches
    rows = _some(rng, np.nonzero(searches.time >= since)[0], count)
    time, user, category, price = (getattr(searches, name)[rows] for name in ("time", "user", "category", "price"))
    found = retrieve(rng, world.catalogue, category, time, CANDIDATES)
    clicked = clicks(rng, appeal(world.catalogue, world.people, (user, category, price), found))
    for place in range(len(rows)):
        there = found[place] >= 0
        query: dict[str, Any] = {"category": int(category[place])}
        if not np.isnan(price[place]):
            query["price"] = float(price[place])
        body = {"user": int(user[place]), "query": query, "candidates": found[place][there].tolist(), "k": 10}
        truth = {"clicked": found[place][there & clicked[place]].tolist()}
        yield _request(SEARCH, time[place], body, truth)


def _payments(world: World, rng: np.random.Generator, since: int, count: int) -> Iterator[RecordedRequest]:
    payments = world.payments
    for row in _some(rng, np.nonzero(payments.time >= since)[0], count):
        ids = {name: int(getattr(payments, name)[row]) for name in ("user", "card", "device", "ip")}
        what = {"amount": float(payments.amount[row]), "category": int(payments.category[row])}
        body = {"payment": f"p-{row}", **ids, **what, "hour": int(payments.hour[row])}
        yield _request(PAYMENTS, payments.time[row], body, {"fraud": bool(payments.fraud[row])})


def _request(endpoint: Endpoint, time: Any, body: dict[str, Any], truth: dict[str, Any]) -> RecordedRequest:
    return RecordedRequest(int(time), endpoint.kind, endpoint.path, body, truth)


def _some(rng: np.random.Generator, rows: Any, count: int) -> Any:
    return np.sort(rng.permutation(rows)[:count])


def _json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))
