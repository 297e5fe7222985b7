"""Which question comes next: what is due before what is new, weak topics first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from course.drill.bank import topic_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from course.drill.bank import Item
    from course.drill.memory import Memory

__all__ = ["Topic", "in_order", "topics", "weakest"]

_UNKNOWN = 0.5
_WEAK = 0.75
_DUE_IN_A_ROW = 2


class Topic(NamedTuple):
    """How well the learner knows a topic.

    Attributes:
        name: subject and topic.
        questions: how many it has.
        asked: how many of them were asked.
        points: the mean share of the points of the last answers; None where none was asked.
        known: the points to expect of them now, as memory fades; None likewise.
        due: how many should be asked again by now.
    """

    name: str
    questions: int
    asked: int
    points: float | None
    known: float | None
    due: int


def topics(items: Iterable[Item], memory: Memory) -> list[Topic]:
    """Every topic of the questions, in their order."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(topic_of(item), []).append(item)
    return [_topic(name, group, memory) for name, group in groups.items()]


def weakest(known: Iterable[Topic], count: int = 3) -> list[Topic]:
    """The weakest of the topics that were asked about, those with fewer than three quarters of the points alone."""
    weak = [topic for topic in known if topic.points is not None and topic.points < _WEAK]
    return sorted(weak, key=lambda topic: topic.points or 0)[:count]


def in_order(items: list[Item], memory: Memory, random: Random) -> list[Item]:
    """All questions in the order to ask them.

    Those that are due and those that were never asked come first, two due ones before each new one, so that neither
    keeps out the other; in both the weakest topics lead, and lots decide among equals. The others follow by their day.
    """
    points = {topic.name: topic.points for topic in topics(items, memory)}
    by_lot = random.sample(items, k=len(items))
    by_lot.sort(key=lambda item: _UNKNOWN if (known := points[topic_of(item)]) is None else known)
    due = [item for item in by_lot if memory.due(item.id)]
    new = [item for item in by_lot if item.id not in memory.recalls]
    later = [item for item in by_lot if item.id in memory.recalls and not memory.due(item.id)]
    later.sort(key=lambda item: memory.recalls[item.id].due)
    mixed: list[Item] = []
    while due or new:
        mixed += due[:_DUE_IN_A_ROW] + new[:1]
        due, new = due[_DUE_IN_A_ROW:], new[1:]
    return mixed + later


def _topic(name: str, group: list[Item], memory: Memory) -> Topic:
    recalls = [memory.recalls[item.id] for item in group if item.id in memory.recalls]
    asked = len(recalls)
    points = sum(recall.share for recall in recalls) / asked if asked else None
    known = sum(memory.expected(item.id) for item in group) / asked if asked else None
    return Topic(name, len(group), asked, points, known, sum(memory.due(item.id) for item in group))
