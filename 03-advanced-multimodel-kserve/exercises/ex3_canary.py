"""Exercise 3 · Worse, or unlucky?

A canary answers some requests, stable the others, and both fail now and then. Three errors in 50 against ten in 2,000:
is the candidate worse, or was it unlucky? A rule that compares the shares rolls good versions back every week; one that
waits for thousands of answers lets a bad one do its harm.

1. Write `chance(bad, of, stable_bad, stable_of)`: Fisher's exact test, one-sided. If both versions were alike, and the
   bad answers had fallen on them by lot, how likely would the candidate have at least `bad` of them?

       chance(0, 50, 10, 2000) → 1.0        chance(3, 50, 10, 2000) → about 0.003

2. Write `verdict(candidate, stable)`. It looks at both many times during a rollout, so it must be sure:

       "rolled back"    the candidate's share of errors is more than MARGIN above stable's, and the chance of that
                        below ALPHA: both, for what is certain may still be too small to matter
       "inconclusive"   else, when more than UNWELL of stable's own answers are errors: nothing can be learnt
       "waiting"        else, when the candidate has fewer than ENOUGH answers, or stable fewer than half of that
       "advance"        else: to a larger share, which is a risk taken. That nothing is proven against it proves
                        nothing in its favour: before a promotion the rollout demands that (shop/canary/proof.py)
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
