"""What level 3's commands offer, against a server that returns what it is sent."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from shop.load.offering import SLOT, encoded, engine_for, offer
from shop.load.workers import LoadWorkers
from tests.patience import GENEROUS_S
from workbench.load import Failure, Phase, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.load.offering import Message
    from workbench.load import Answer

    StartServer = Callable[..., str]


@pytest.fixture
def port(tiny_server: StartServer) -> int:
    return int(tiny_server().rpartition(":")[2])


def searches(port: int, users: int = 20) -> list[Message]:
    bodies = [b'{"user": %*d, "k": 10}' % (SLOT, user) for user in range(users)]
    return encoded(port, [Request("/v1/search", body) for body in bodies])


def test_answers_are_heard_with_what_was_asked_until_it_is_stopped(port: int) -> None:
    heard: list[tuple[bytes, bytes]] = []

    def hear(message: Message, answer: Answer) -> None:
        heard.append((message.request.body, answer.body))

    with engine_for(port, GENEROUS_S) as engine:
        offered = offer(engine, cycle(searches(port)), [Phase(300)], on_answer=hear, stop=lambda: len(heard) >= 50)
    assert len(offered.answers) == len(heard) >= 50
    assert all(body == answer for body, answer in heard)
    assert (offered.rate_rps, offered.failed, offered.degraded) == (300, 0, 0)
    assert offered.seconds > 0.05


def test_a_server_that_is_not_there_fails_each_request(free_ports: Callable[[int], list[int]]) -> None:
    (port,) = free_ports(1)
    with engine_for(port) as engine:
        offered = offer(engine, cycle(searches(port)), [Phase(200, 0.2)])
    assert offered.failed == len(offered.answers) > 0
    assert {answer.status for answer in offered.answers} == {Failure.REFUSED}


def test_workers_share_a_rate_that_changes(port: int) -> None:
    messages = [*searches(port), *encoded(port, [Request("/broken", b"no user")] * 20)]
    with LoadWorkers(port, messages, timeout_s=GENEROUS_S) as workers:
        offered = workers.offer(Phase(200, 0.5), Phase(600, 0.5))
    assert (offered.rate_rps, offered.seconds) == (400, 1.0)
    first, then = (len(offered.between(begin, begin + 0.5).answers) for begin in (0, 0.5))
    assert 50 < first < 150  # five standard deviations around 100
    assert 215 < then < 385
    assert set(Counter(answer.status for answer in offered.answers)) == {200, 500}
    assert offered.generator_cpu > 0
