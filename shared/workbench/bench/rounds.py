"""The verdict of a measurement's rounds on a goal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Goal", "all_of", "at_least", "at_most"]

Goal = Literal["met", "missed", "too close to tell"]


def at_least(rounds: Iterable[float], goal: float) -> Goal:
    """Whether a figure reaches a goal: ``met`` when it did in each round, ``missed`` when in none.

    That is the sign test (Conover, "Practical Nonparametric Statistics", 1999, section 3.4): where the truth is the
    goal itself, a round falls on either side like a coin. Six rounds then say "met" by luck in 1.6 % of all cases, and
    "missed" in as many; five in 3 %, three in 13 %. What a round's figure is distributed like does not matter.
    """
    reached = [value >= goal for value in rounds]
    if not reached:
        return "too close to tell"
    return "met" if all(reached) else "too close to tell" if any(reached) else "missed"


def at_most(rounds: Iterable[float], goal: float) -> Goal:
    """Whether a figure stays below a goal: ``met`` when in each round, ``missed`` when in none."""
    return at_least((-value for value in rounds), -goal)


def all_of(goals: Iterable[Goal]) -> Goal:
    """The verdict on all goals together: missed if one is missed, else too close to tell if one is, else met."""
    verdicts = set(goals)
    return "missed" if "missed" in verdicts else "too close to tell" if "too close to tell" in verdicts else "met"
