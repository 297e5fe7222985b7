"""Waiting in a queue, in closed form: one station, requests that know nothing of each other, any service time.

Sources: A. K. Erlang, "Solution of some Problems in the Theory of Probabilities of Significance in Automatic Telephone
Exchanges" (1917), for the probability of waiting; J. F. C. Kingman, "The single server queue in heavy traffic" (1961),
for the exponential tail. How long one waits otherwise, `planner.distribution` works out.
"""

from __future__ import annotations

from typing import NamedTuple

from servekit.errors import InvalidValueError

__all__ = ["Wait", "erlang_c"]


class Wait(NamedTuple):
    """The wait before service: zero with probability ``1 - waits``, else exponential with mean ``mean_if_s``."""

    waits: float
    mean_if_s: float


def erlang_c(servers: int, load: float) -> float:
    """The probability that a request waits in M/M/c.

    Args:
        servers: c, at least 1.
        load: offered load in erlangs (arrivals per second × mean service time), from 0 to below ``servers``.

    Raises:
        InvalidValueError: the servers cannot keep up.
    """
    _check(servers, load)
    blocked = 1.0  # Erlang B by its recursion, which never overflows
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def _check(servers: int, load: float) -> None:
    if servers < 1:
        raise InvalidValueError("servers", servers, "expected at least 1")
    if not 0 <= load < servers:
        raise InvalidValueError("load", round(load, 4), f"expected from 0 to below the number of servers, {servers}")
