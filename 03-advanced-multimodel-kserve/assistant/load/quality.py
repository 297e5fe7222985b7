"""Whether answers are right: each question of the set has a fact as its answer, and the answer must tell it.

A small model errs often, and another quantisation, prompt or engine changes how often. So a change is judged by this
share, too, and not by its speed alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from assistant.load.streams import QUESTIONS, Asked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ITEMS", "questions", "right", "tells"]

ITEMS = 13
"""So many are asked about, from all over the catalogue."""

_FIRST, _EVERY = 3, 30

_FACT_OF = {
    "What does it cost?": "price",
    "How is it rated?": "rating",
    "How many reviews are there?": "number of reviews",
    "What is it?": "category",
}


def questions(answer_tokens: int, items: int = ITEMS) -> list[Asked]:
    """The set: four questions about each item, with the most tokens of an answer."""
    asked = range(_FIRST, _FIRST + items * _EVERY, _EVERY)
    return [Asked(item, question, answer_tokens) for item in asked for question in QUESTIONS]


def tells(question: str, text: str, facts: Mapping[str, Any]) -> bool:
    """Whether a text tells the fact that the question asks for: its number, or its category in either number."""
    fact = str(facts[_FACT_OF[question]])
    wanted = fact.split(maxsplit=1)[0]
    if wanted[0].isdigit():
        return wanted in re.findall(r"\d+(?:\.\d+)?", text)
    return bool(re.search(rf"\b{re.escape(fact.removesuffix('s'))}", text, re.IGNORECASE))


def right(answers: Mapping[Asked, str], facts: Mapping[int, Mapping[str, Any]]) -> float:
    """The share of answers that tell their fact; 0 where there is none."""
    told = [tells(asked.question, text, facts[asked.item]) for asked, text in answers.items()]
    return sum(told) / max(1, len(told))
