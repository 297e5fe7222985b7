"""The work of the ladder: questions that come at once, with prompts that begin alike and answers of many lengths."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from assistant.domain.contracts import ChatMessage
from assistant.domain.prompt import make_turns
from assistant.domain.wire import Finished, Generate, Refused, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assistant.domain.wire import Accepted, Said
    from assistant.engine.server import Steps

__all__ = ["REQUESTS", "answer_all", "make_short_work", "make_work"]

REQUESTS: Final = 12
_LENGTHS: Final = (4, 8, 8, 16, 16, 24, 48, 64)
_SHORT: Final = (3, 16, 4, 6, 3, 14, 5, 4)
_SEED: Final = 5


def make_work(requests: int = REQUESTS) -> list[Generate]:
    """So many requests, the same in every run."""
    draw = random.Random(_SEED)  # noqa: S311 - a sample, not a secret
    work = []
    for number in range(requests):
        facts = {"category": "books", "price": f"{draw.randrange(300, 9000) / 100:.2f} EUR", "rating": "4.1 of 5 stars"}
        text = f"Write a long story about reader number {number}, with every detail of the journey."
        turns = make_turns([ChatMessage("user", text)], facts)
        work.append(Generate(number, turns, draw.choice(_LENGTHS)))
    return work


def make_short_work() -> list[Generate]:
    """Eight requests of a few steps each, for a picture: each answer is cut off long before the model would end it."""
    text = "Write a long story about reader number {}, with every detail of the journey."
    return [Generate(number, [Turn("user", text.format(number))], most) for number, most in enumerate(_SHORT)]


def answer_all(
    batch: Steps, work: Sequence[Generate], sequences: int, *, static: bool = False
) -> Iterator[Sequence[tuple[int, Accepted | Said | Finished | Refused]]]:
    """Answers all of the work, step by step: what each step gave to which request.

    Args:
        batch: runs the model.
        work: the requests, all there from the start; they are taken in their order.
        sequences: how many are under way at once, at most.
        static: whether a batch must have ended before the next one begins.
    """
    waiting, under_way = list(work), 0
    while waiting or under_way:
        free = 0 if static and under_way else sequences - under_way
        for request in waiting[:free]:
            batch.add(request.id, request)
        under_way += len(waiting[:free])
        del waiting[:free]
        yield (events := batch.step())
        under_way -= sum(isinstance(event, Finished | Refused) for _, event in events)
