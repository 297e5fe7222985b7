"""Exercise 6 · A delay chosen by measurement.

A model server that waits a little for more requests computes larger batches: more requests a second, and a longer wait
for each of them. How long should it wait? Only measuring tells, and a machine that others use as well measures badly.

`choose` gives the delay with the most requests a second among those whose p99 keeps the limit. `measure(delay_s)`
takes a while on the machine and gives (requests a second, p99 in seconds). Each measurement is a few per cent off. Now
and then somebody else uses the machine for a while: then some that follow each other are far too slow. You may measure
each delay `MOST` times. Where no delay keeps the limit, raise ValueError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = 8


def choose(measure: Callable[[float], tuple[float, float]], delays_s: Sequence[float], limit_s: float) -> float:
    """The delay to configure, in seconds."""
    raise NotImplementedError
