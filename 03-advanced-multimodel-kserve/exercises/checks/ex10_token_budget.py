"""What exercise 10 must do: traffic that nobody has seen before, beside buckets in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import isinf
from random import Random
from typing import TYPE_CHECKING

from course.exercises import CheckFailedError, expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

NEAR = 1e-6
RUNS, EVENTS, ENDS = 12, 400, 0.4


class Bucket:
    """One key's bucket, in fractions: no rounding, so there is no doubt about who has enough."""

    def __init__(self, per_minute: int) -> None:
        self.most = self.left = Fraction(per_minute)
        self.at_s = Fraction(0)

    def pass_to(self, now_s: Fraction) -> None:
        """Lets the tokens come back until then."""
        self.left = min(self.most, self.left + (now_s - self.at_s) * self.most / 60)
        self.at_s = now_s


def check_a_full_bucket_is_given_out_once(answer: Path) -> None:
    budgets = load(answer).Budgets(600)
    expect_equal("500 of 600 tokens", budgets.take("a", 500, 0.0), None)
    again_s = budgets.take("a", 200, 0.0)
    expect(again_s is not None, "200 more at once: let in: expected a refusal, 100 are left")
    expect(abs(again_s - 10.0) < NEAR, f"200 more at once: wait {again_s} s: expected 10, 100 come back by then")


def check_a_refusal_takes_nothing(answer: Path) -> None:
    budgets = load(answer).Budgets(600)
    budgets.take("a", 500, 0.0)
    for _ in range(5):
        budgets.take("a", 200, 0.0)
    expect_equal("the 100 that are left, after five refusals", budgets.take("a", 100, 0.0), None)


def check_keys_do_not_share(answer: Path) -> None:
    budgets = load(answer).Budgets(600)
    budgets.take("a", 600, 0.0)
    expect_equal("600 tokens of another key", budgets.take("b", 600, 0.0), None)


def check_no_bucket_is_more_than_full(answer: Path) -> None:
    budgets = load(answer).Budgets(600)
    budgets.take("a", 100, 0.0)
    budgets.give_back("a", 90, 3_600.0)
    budgets.take("a", 600, 3_600.0)
    if budgets.take("a", 1, 3_600.0) is None:
        raise CheckFailedError("an hour later, 90 given back, 601 tokens at once: let in: expected 600 at most")


def check_what_can_never_be_let_in_is_said_to_be(answer: Path) -> None:
    again_s = load(answer).Budgets(600).take("a", 601, 0.0)
    expect(again_s is not None and isinf(again_s), f"601 of 600 tokens: {again_s}: expected math.inf")


def check_any_traffic_is_let_in_as_far_as_the_tokens_go(answer: Path) -> None:
    module, random = load(answer), Random()  # noqa: S311 - examples
    for _ in range(RUNS):
        per_minute = random.randrange(600, 60_000)
        replay(module.Budgets(per_minute), per_minute, random)


def replay(budgets: object, per_minute: int, random: Random) -> None:
    """Requests of three keys, each of which gives back what it did not use a little later."""
    exact = {key: Bucket(per_minute) for key in "abc"}
    open_, now_s = list[tuple[str, int]](), Fraction(0)
    for _ in range(EVENTS):
        now_s += Fraction(random.randrange(1, 4_000), 1000)
        for bucket in exact.values():
            bucket.pass_to(now_s)
        if open_ and random.random() < ENDS:
            key, tokens = open_.pop(random.randrange(len(open_)))
            exact[key].left = min(exact[key].left + tokens, exact[key].most)
            budgets.give_back(key, tokens, float(now_s))  # type: ignore[attr-defined]
            continue
        key, tokens = random.choice("abc"), random.randrange(1, per_minute // 3)
        spare = exact[key].left - tokens
        if abs(spare) < NEAR:
            continue  # rounding may decide it either way
        said = budgets.take(key, tokens, float(now_s))  # type: ignore[attr-defined]
        asked = f"{per_minute} a minute, {float(exact[key].left):.1f} left, {tokens} asked at {float(now_s):.3f} s"
        if spare > 0:
            expect_equal(asked, said, None)
            exact[key].left = spare
            open_.append((key, random.randrange(tokens)))
        else:
            wait_s = float(-spare * 60 / per_minute)
            right = said is not None and abs(said - wait_s) < NEAR * max(wait_s, 1)
            expect(right, f"{asked}: {said}: expected a wait of {wait_s:.4f} s")
