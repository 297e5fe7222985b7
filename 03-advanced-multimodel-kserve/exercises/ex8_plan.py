"""Exercise 8 · Servers for the worst hour.

How many servers must a service have, so that its promise holds at its peak while a whole zone is away? `plan` says it,
and the simulation of level 3's planner rehearses your answer: it takes a zone away and measures the p99.

The servers are dealt out to the zones in equal numbers, and a balancer sends each request to any of them by chance.
Requests come by chance, too, and compute for times that vary like an exponential distribution with the mean `work_s`.
So each server is the queue that textbooks call M/M/1. Busy for the share r of its time, it answers 99 of 100 requests
within

    work_s × ln(100) / (1 - r)

seconds. Servers cost money: a plan that is far larger than it must be is refused as well. And where not even an idle
server keeps the limit, no number of them does: say so with ValueError.
"""

from __future__ import annotations


def plan(peak_rps: float, work_s: float, limit_s: float, zones: int) -> int:
    """The number of servers in all zones together."""
    raise NotImplementedError
