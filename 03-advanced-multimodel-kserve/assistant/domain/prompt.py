"""The prompt: the shop's instructions, the facts of the item as quoted data, then what the shopper and the model said.

Text of a seller or a shopper must not become an instruction. So what stands in a fact is a JSON string, quotes and line
breaks escaped; and the marks with which a chat template parts the turns are broken up wherever they come from outside.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from assistant.domain.wire import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assistant.domain.contracts import ChatMessage

__all__ = ["harmless", "make_turns"]

_MARK = re.compile(r"<(?=\|)|\|(?=>)|<(?=/?s>)|\[(?=/?INST\])")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")

_INSTRUCTIONS = "You are the assistant of an online shop. Answer in one short sentence, using only the facts."
_TOYS = {
    "category": "toys",
    "price": "8.50 EUR",
    "rating": "4.2 of 5 stars",
    "number of reviews": 40,
    "times bought": 95,
    "days in the shop": 300,
}
_KITCHEN = {
    "category": "kitchen",
    "price": "61.27 EUR",
    "rating": "3.6 of 5 stars",
    "number of reviews": 0,
    "times bought": 2,
    "days in the shop": 44,
}
_SHOTS = (
    (_TOYS, "What is the price?", "It costs 8.50 EUR."),
    (_KITCHEN, "How many reviews are there?", "It has 0 reviews."),
    (_KITCHEN, "What does it cost?", "It costs 61.27 EUR."),
    (_KITCHEN, "What is it?", "It is an item of the category kitchen."),
)
"""Examples of answers: a model of this size follows them better than it follows instructions. They are the same for
every request, so with prefix caching they are computed once."""


def make_turns(messages: Sequence[ChatMessage], facts: Mapping[str, Any] | None) -> list[Turn]:
    """The conversation for the model: instructions, examples, then the caller's messages, the first with the facts.

    Args:
        messages: the caller's.
        facts: of the item that the question is about; None where none was named.
    """
    turns = [Turn("system", _INSTRUCTIONS)]
    for example, question, answer in _SHOTS:
        turns += [Turn("user", _asked(example, question)), Turn("assistant", answer)]
    first, *rest = messages
    if first.role == "user":
        turns.append(Turn("user", _asked(facts or {}, first.text)))
    else:
        rest = [first, *rest]
    return [*turns, *(Turn(each.role, harmless(each.text)) for each in rest)]


def _asked(facts: Mapping[str, Any], question: str) -> str:
    return f"Facts: {harmless(json.dumps(facts, ensure_ascii=False))}\nQuestion: {harmless(question)}"


def harmless(text: str) -> str:
    """A text without unseen characters, in which no mark of a chat template is whole."""
    return _MARK.sub(lambda mark: f"{mark[0]} ", _UNSEEN.sub("", text))
