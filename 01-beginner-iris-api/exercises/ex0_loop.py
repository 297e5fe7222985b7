"""Exercise 0 · The loop: save, read, repeat.

Every exercise works like this one. `make learn` watches this file: save it, and within a second it says which check
failed, what your function returned, and what was expected. It starts red; you are done when every check passes.

The smallest question about a service is whether it is there. Write `availability(statuses)`: of the HTTP statuses of
its answers, the share from 0 to 1 with which the server itself did not fail. From 500 on a status says that the server
failed; 404 or 422 says that the caller made a mistake. Without any answer nothing has failed: the share is 1.
"""

from __future__ import annotations


def availability(statuses: list[int]) -> float:
    """The share of answers that are no failure of the server."""
    # Your part begins here: this line is wrong.
    return 1.0 if statuses else 0.0
