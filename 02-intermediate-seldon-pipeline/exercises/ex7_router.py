"""Exercise 7 · The same user, the same version.

A router that draws a branch for each request shows a user now one version, now another, and nobody can say afterwards
which of them made somebody buy. Write one that decides by the user.

`branch` gives the number of the branch for a user. `shares` are the branches' parts of the traffic, which sum to 1. A
user always gets the same branch, on every machine and after every restart. When the last branch grows at the cost of
the one before, users only move *to* it. Two experiments are independent: who gets the new page may get either price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def branch(experiment: str, user: str, shares: Sequence[float]) -> int:
    """The branch, counted from 0, of a user in an experiment."""
    raise NotImplementedError
