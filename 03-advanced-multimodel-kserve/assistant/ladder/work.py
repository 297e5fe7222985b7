"""The work of the ladder: 12 questions that come at once, with prompts that begin alike and answers of many lengths."""

from __future__ import annotations

import random
from typing import Final

from assistant.domain.contracts import ChatMessage
from assistant.domain.prompt import make_turns
from assistant.domain.wire import Generate

__all__ = ["make_work"]

_REQUESTS: Final = 12
_LENGTHS: Final = (4, 8, 8, 16, 16, 24, 48, 64)
_SEED: Final = 5


def make_work() -> list[Generate]:
    """The requests, the same in every run."""
    draw = random.Random(_SEED)  # noqa: S311 - a sample, not a secret
    work = []
    for number in range(_REQUESTS):
        facts = {"category": "books", "price": f"{draw.randrange(300, 9000) / 100:.2f} EUR", "rating": "4.1 of 5 stars"}
        text = f"Write a long story about reader number {number}, with every detail of the journey."
        turns = make_turns([ChatMessage("user", text)], facts)
        work.append(Generate(number, turns, draw.choice(_LENGTHS)))
    return work
