from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from shop.world.chance import stream
from shop.world.recorded_traffic import CANDIDATES, RecordedRequest, make_traffic, write_traffic
from shop.world.simulation import simulate
from tests.tiny_shop import TINY

if TYPE_CHECKING:
    from pathlib import Path

SINCE = 40 * 86_400


@pytest.fixture(scope="module")
def requests() -> list[RecordedRequest]:
    return make_traffic(simulate(TINY), stream(7, "traffic"), SINCE, 200)


def test_the_mix_is_that_of_the_sla(requests: list[RecordedRequest]) -> None:
    assert Counter(request.kind for request in requests) == {"recommendations": 120, "search": 60, "payments": 20}


def test_requests_come_in_the_order_of_time_after_the_moment_asked_for(requests: list[RecordedRequest]) -> None:
    times = [request.time for request in requests]
    assert times == sorted(times)
    assert times[0] >= SINCE


def test_a_search_has_different_candidates_and_names_those_that_would_be_clicked(
    requests: list[RecordedRequest],
) -> None:
    searches = [request for request in requests if request.kind == "search"]
    for request in searches:
        candidates = request.body["candidates"]
        assert 1 <= len(candidates) == len(set(candidates)) <= CANDIDATES
        assert set(request.truth["clicked"]) <= set(candidates)
        assert 0 <= request.body["query"]["category"] < 16
    assert any("price" in request.body["query"] for request in searches)
    assert any(request.truth["clicked"] for request in searches)


def test_a_visit_knows_what_is_looked_at_next(requests: list[RecordedRequest]) -> None:
    visits = [request for request in requests if request.kind == "recommendations"]
    assert all(1 <= len(request.truth["viewed"]) <= 10 for request in visits)


def test_a_payment_has_all_that_the_gateway_asks_for(requests: list[RecordedRequest]) -> None:
    payments = [request for request in requests if request.kind == "payments"]
    for request in payments:
        assert set(request.body) == {"payment", "user", "card", "device", "ip", "amount", "category", "hour"}
        assert request.body["amount"] > 0
        assert isinstance(request.truth["fraud"], bool)


def test_traffic_is_written_a_row_for_each_request(requests: list[RecordedRequest], tmp_path: Path) -> None:
    write_traffic(tmp_path / "traffic.parquet", requests)
    rows = pq.read_table(tmp_path / "traffic.parquet").to_pylist()
    assert [{**row, "body": json.loads(row["body"]), "truth": json.loads(row["truth"])} for row in rows] == [
        asdict(request) for request in requests
    ]
