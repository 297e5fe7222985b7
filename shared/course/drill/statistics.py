"""``make drill STATS=1``: how well the learner knows each topic."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.text import Text

from course.drill.order import topics, weakest
from workbench.terminal import make_table

if TYPE_CHECKING:
    from rich.console import Console

    from course.drill.bank import Item
    from course.drill.memory import Memory
    from course.drill.order import Topic

__all__ = ["show_statistics"]

_BAR = 12
_GOOD, _HALF = 0.75, 0.5


def show_statistics(items: list[Item], memory: Memory, console: Console) -> None:
    """Prints a table of the topics with their points as bars, the sum, and the weakest topics."""
    known = topics(items, memory)
    table = make_table(console, "topic", "asked", "points", "", "now", "due", numbers=(1, 3, 4, 5))
    for subject, group in groupby(known, key=lambda topic: topic.name.partition(" · ")[0]):
        table.add_row(Text(subject, "bold"))
        for topic in group:
            row = (Text(f" {topic.name.partition(' · ')[2]}"), f"{topic.asked}/{topic.questions}", _bar(topic))
            table.add_row(*row, _percent(topic.points), _percent(topic.known), str(topic.due or ""))
    console.print(table)
    asked, due = sum(topic.asked for topic in known), sum(topic.due for topic in known)
    console.print(f"{asked} of {len(items)} questions asked, {due} due; 'now' is what to expect of you today")
    if weak := weakest(known):
        console.print(Text(f"weakest: {'; '.join(topic.name for topic in weak)}; make drill asks these first"))


def _bar(topic: Topic) -> Bar | str:
    if topic.points is None:
        return ""
    colour = "green" if topic.points >= _GOOD else "yellow" if topic.points >= _HALF else "red"
    return Bar(size=1, begin=0, end=topic.points, width=_BAR, color=colour, bgcolor="default")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
