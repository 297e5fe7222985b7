"""Exercise 3 · Worse, or unlucky?

A canary answers some requests, stable the others, and both sometimes fail. The candidate has three errors in 50, stable
ten in 2,000: is the candidate worse, or was it unlucky? A rule that only compares the shares rolls back good versions
every week. A rule that waits for thousands of answers lets a bad version do its harm.

1. Write `chance(bad, of, stable_bad, stable_of)`: Fisher's exact test, one-sided. If both versions were alike, and
   chance had dealt the bad answers to them, how likely would the candidate get at least `bad` of them?

       chance(0, 50, 10, 2000) → 1.0        chance(3, 50, 10, 2000) → about 0.003

2. Write `verdict(candidate, stable)`. A rollout calls it many times, so it must be sure:

       "rolled back"    the candidate's share of errors is more than MARGIN above stable's, and the chance of that
                        below ALPHA. It needs both, because a certain difference may be too small to matter
       "inconclusive"   else, when more than UNWELL of stable's own answers are errors: nothing can be learned
       "waiting"        else, when the candidate has fewer than ENOUGH answers, or stable fewer than half of that
       "advance"        else: to a larger share. This is a risk, because no proof against the candidate is no proof
                        for it; before a promotion the rollout demands such a proof (shop/canary/proof.py)
"""

from __future__ import annotations

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
    raise NotImplementedError


def verdict(candidate: Sample, stable: Sample) -> str:
    """What becomes of the candidate."""
    raise NotImplementedError
