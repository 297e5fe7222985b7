"""More is asked than can be answered: what is turned away, what is answered, and what it is like afterwards."""

from __future__ import annotations

import json
import random
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.load.offering import encoded, engine_for, offer
from tests.integration.shop.canary.toy_shop import FAULTS, ITEMS, QUALITY, USERS
from tests.patience import GENEROUS_S
from workbench.load import Failure, Phase, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shop.load.offering import Message
    from tests.integration.shop.canary.toy_shop import ToyShop
    from workbench.load import Answer


pytestmark = pytest.mark.slow


@pytest.fixture
def slow_shop(toy_shop: ToyShop) -> Iterator[ToyShop]:
    """All searches are answered by a version that manages some ten of them a second."""
    traffic = EdgeSplit(toy_shop.addresses, Edge(toy_shop.addresses.envoy_admin_port), "ranking")
    traffic.nominate(str(FAULTS["slow"]))
    traffic.shift(100)
    yield toy_shop
    traffic.shift(0)


def searches(port: int) -> list[Message]:
    draw = random.Random(5)
    bodies = [
        {"user": draw.randrange(USERS), "query": {"category": 3}, "candidates": draw.sample(range(ITEMS), 12), "k": 4}
        for _ in range(2000)
    ]
    return encoded(port, [Request("/v1/search", json.dumps(body).encode()) for body in bodies])


def test_too_much_is_turned_away_at_once_and_the_rest_is_answered_rightly(slow_shop: ToyShop) -> None:
    port = slow_shop.addresses.port
    replies: list[tuple[Message, Answer]] = []

    def on_answer(message: Message, reply: Answer) -> None:
        assert not isinstance(reply.status, Failure), "a request got no answer at all"
        replies.append((message, reply))

    with engine_for(port, GENEROUS_S) as engine:
        offered = offer(engine, cycle(searches(port)), [Phase(1000, 0.6)], on_answer=on_answer)
    assert {answer.status for answer in offered.answers} == {200, 429}
    for message, reply in replies:
        answer = json.loads(reply.body)
        if reply.status == 429:
            assert reply.header(b"retry-after") == b"1"
            assert set(answer) == {"error"}
        elif not reply.header(b"x-degraded"):
            asked = json.loads(message.request.body)
            best = sorted(asked["candidates"], key=lambda item: -QUALITY[item])
            assert [item["id"] for item in answer["items"]] == best[:4]
    with engine_for(port, GENEROUS_S) as engine:
        calm = offer(engine, cycle(searches(port)), [Phase(10, 1.5)])
    # few, so they are answered; one that meets a stall of a busy machine may still be turned away
    assert 200 in {answer.status for answer in calm.answers} <= {200, 429}
