"""What exercise 6 must do: servers that nobody has seen before, on machines that are not always theirs."""

from __future__ import annotations

from math import exp
from random import Random
from typing import TYPE_CHECKING

from course.exercises import CheckFailedError, expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

DELAYS_S = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008)
CLEAR = 1.25  # of the limit: nearer to it a delay may be judged either way
GOOD = 0.93  # of the best rate
TRIES = 40


class Server:
    """A model server: what it would do alone, and what a measurement on a shared machine shows."""

    def __init__(self, random: Random) -> None:
        self.random, self.calls = random, dict.fromkeys(DELAYS_S, 0)
        self.base, self.gain = random.uniform(400, 900), random.uniform(800, 3_000)
        self.worth_s, self.own_s = random.uniform(0.0005, 0.003), random.uniform(0.002, 0.006)
        self.begins = random.randrange(len(DELAYS_S) * 6)

    def rate(self, delay_s: float) -> float:
        """Requests a second with this delay."""
        return self.base + self.gain * (1 - exp(-delay_s / self.worth_s))

    def p99_s(self, delay_s: float) -> float:
        """The p99 in seconds with this delay."""
        return self.own_s + 1.6 * delay_s

    def measure(self, delay_s: float) -> tuple[float, float]:
        """Both, as they are seen while others may use the machine."""
        number = sum(self.calls.values())
        self.calls[delay_s] += 1
        slow = 2.5 if self.begins <= number < self.begins + 9 else 1.0
        rate, p99_s = (value * self.random.gauss(1, 0.03) for value in (self.rate(delay_s), self.p99_s(delay_s)))
        return rate / slow, p99_s * slow


def check_a_quiet_machine_is_read_rightly(answer: Path) -> None:
    rates = {0.0: (500.0, 0.004), 0.001: (900.0, 0.006), 0.004: (1_500.0, 0.012)}
    choose = load(answer).choose
    expect_equal("the delay for a limit of 10 ms", choose(lambda delay: rates[delay], tuple(rates), 0.010), 0.001)
    expect_equal("the delay for a limit of 20 ms", choose(lambda delay: rates[delay], tuple(rates), 0.020), 0.004)
    falls = {0.0: (900.0, 0.004), 0.002: (700.0, 0.007)}
    expect_equal(
        "the delay of a server that gains nothing", choose(lambda delay: falls[delay], tuple(falls), 0.02), 0.0
    )


def check_no_delay_is_taken_where_none_keeps_the_limit(answer: Path) -> None:
    try:
        chosen = load(answer).choose(lambda delay: (100.0, 0.05 + delay), DELAYS_S, 0.02)
    except ValueError:
        return
    raise CheckFailedError(
        f"every p99 is 50 ms or more, the limit 20 ms, and the answer is {chosen!r}: expected ValueError"
    )


def check_a_busy_machine_is_read_rightly_as_well(answer: Path) -> None:
    module, random = load(answer), Random()  # noqa: S311 - examples
    wrong: list[str] = []
    for _ in range(TRIES):
        server = Server(random)
        limit_s = server.p99_s(random.choice(DELAYS_S[2:])) * 1.12
        chosen = module.choose(server.measure, DELAYS_S, limit_s)
        most = max(server.calls.values())
        expect(most <= module.MOST, f"one delay was measured {most} times: expected {module.MOST} at most")
        best = max(server.rate(delay) for delay in DELAYS_S if server.p99_s(delay) * 1.1 <= limit_s)
        if server.p99_s(chosen) > limit_s * CLEAR or server.rate(chosen) < GOOD * best:
            wrong.append(f"{chosen * 1e3:g} ms at a limit of {limit_s * 1e3:.1f} ms")
    expect(
        len(wrong) <= 1,
        f"{len(wrong)} of {TRIES} choices are bad, e.g. {wrong[:2]}: is a slow spell spread over all delays?",
    )
