"""Exercise 7 · Refuse in time.

Three times as many requests come as the server can answer. If it takes them all, the queue grows, everybody waits too
long, and the work is done for callers who have gone. Write what decides at the door.

`arrive` says None: come in; or after how many seconds the caller should try again (the Retry-After of a 503). Take a
request when it can be answered within `limit_s`, as far as you can tell: each of the `workers` computes one request
at a time, first come, first served. `done` tells you that a request was answered and how long it computed, without its
wait. Requests take different times, and all of them may become slower or faster later: trust the newer ones more.
"""

from __future__ import annotations


class Door:
    """Decides who comes in."""

    def __init__(self, workers: int, limit_s: float, first_guess_s: float) -> None:
        """Takes the number of workers, the limit, and a guess of how long a request computes."""
        self.workers, self.limit_s, self.mean_s = workers, limit_s, first_guess_s

    def arrive(self) -> float | None:
        """None lets a request in; a number of seconds above 0 refuses it until then."""
        raise NotImplementedError

    def done(self, worked_s: float) -> None:
        """Takes note that a request is answered, which computed for so long."""
        raise NotImplementedError
