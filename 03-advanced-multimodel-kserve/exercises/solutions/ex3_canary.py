"""A solution of exercise 3."""

from __future__ import annotations

from math import comb
from typing import NamedTuple

ALPHA = 1e-5
MARGIN = 0.001
UNWELL = 0.05
ENOUGH = 200


class Sample(NamedTuple):
    """What a version has answered since the last shift of traffic."""

    answers: int
    errors: int


def chance(bad: int, of: int, stable_bad: int, stable_of: int) -> float:
    """How likely at least `bad` of the candidate's answers are bad if it is like stable."""
    all_bad = bad + stable_bad
    ways = sum(comb(of, x) * comb(stable_of, all_bad - x) for x in range(bad, min(of, all_bad) + 1))
    return ways / comb(of + stable_of, all_bad)


def verdict(candidate: Sample, stable: Sample) -> str:
    """What becomes of the candidate."""
    now, before = (each.errors / each.answers if each.answers else 0.0 for each in (candidate, stable))
    by_chance = chance(candidate.errors, candidate.answers, stable.errors, stable.answers)
    if now > before + MARGIN and by_chance < ALPHA:
        return "rolled back"
    if before > UNWELL:
        return "inconclusive"
    if candidate.answers < ENOUGH or stable.answers < ENOUGH / 2:
        return "waiting"
    return "advance"
