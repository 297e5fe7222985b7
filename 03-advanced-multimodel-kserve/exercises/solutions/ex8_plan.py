"""Exercise 8, solved: the limit says how busy a server may be, that says how many must be left."""

from __future__ import annotations

from math import ceil, log


def plan(peak_rps: float, work_s: float, limit_s: float, zones: int) -> int:
    """The number of servers in all zones together."""
    idle_s = work_s * log(100)
    if idle_s >= limit_s:
        raise ValueError(f"limit {limit_s:g} s: an idle server needs {idle_s:g} s: make the model faster")
    busy = 1 - idle_s / limit_s
    left = peak_rps * work_s / busy
    return ceil(left / (zones - 1)) * zones
