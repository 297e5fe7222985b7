"""What exercise 3 must do."""

from __future__ import annotations

from math import isclose
from random import Random
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal, load
from shop.canary.evidence import fisher

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

TABLES = [(0, 50, 10, 2000), (3, 50, 10, 2000), (5, 10, 0, 40), (1, 1, 0, 1), (7, 300, 7, 300), (40, 400, 12, 1200)]
ROLLOUTS, LOOKS = 100, 25
STABLE_RATE, BAD_RATE = 0.01, 0.15


def check_the_chance_is_fishers(answer: Path) -> None:
    chance = load(answer).chance
    for table in TABLES:
        found, expected = chance(*table), fisher(*table)
        expect(isclose(found, expected, rel_tol=1e-6), f"chance{table} {found:.6g}: expected {expected:.6g}")


def check_the_chance_of_other_tables_is_fishers_too(answer: Path) -> None:
    chance, random = load(answer).chance, Random()  # noqa: S311 - examples
    for _ in range(50):
        of, stable_of = random.randint(1, 300), random.randint(1, 900)
        table = (random.randint(0, min(of, 9)), of, random.randint(0, min(stable_of, 20)), stable_of)
        found, expected = chance(*table), fisher(*table)
        expect(isclose(found, expected, rel_tol=1e-6), f"chance{table} {found:.6g}: expected {expected:.6g}")


def check_no_errors_and_no_answers_are_no_evidence(answer: Path) -> None:
    chance = load(answer).chance
    expect_equal("the chance of no error in 50", round(chance(0, 50, 0, 2000), 9), 1.0)
    expect_equal("the chance before anybody has answered", round(chance(0, 0, 0, 0), 9), 1.0)


def check_the_chance_does_not_drown_in_many_answers(answer: Path) -> None:
    found, expected = load(answer).chance(30, 2_000, 100, 60_000), fisher(30, 2_000, 100, 60_000)
    expect(isclose(found, expected, rel_tol=1e-5), f"of 62,000 answers {found:.3g}: expected {expected:.3g}")


def check_a_bad_version_goes_back_at_once(answer: Path) -> None:
    expect_equal("30 errors in 100 answers", judged(answer, (100, 30), (1900, 4)), "rolled back")
    expect_equal("ten errors in the first ten answers", judged(answer, (10, 10), (300, 0)), "rolled back")
    expect_equal(
        "a candidate far worse than a stable that is unwell", judged(answer, (200, 190), (800, 80)), "rolled back"
    )


def check_what_may_be_chance_does_not(answer: Path) -> None:
    expect_equal("one error in the first ten answers", judged(answer, (10, 1), (990, 0)), "waiting")
    expect_equal("3 errors in 200, stable 1 in 1,000", judged(answer, (200, 3), (1000, 1)), "advance")
    expect_equal("fewer errors than stable has", judged(answer, (400, 0), (1200, 12)), "advance")


def check_what_is_certain_but_small_does_not(answer: Path) -> None:
    found = judged(answer, (200_000, 150), (200_000, 50))
    expect_equal("0.075 % of 200,000, stable 0.025 %,", found, "advance")


def check_too_little_is_not_enough(answer: Path) -> None:
    expect_equal("199 good answers", judged(answer, (199, 0), (2000, 2)), "waiting")
    expect_equal("200 good answers, 99 of stable", judged(answer, (200, 0), (99, 0)), "waiting")
    expect_equal("200 good answers, 100 of stable", judged(answer, (200, 0), (100, 0)), "advance")
    expect_equal("no answers at all", judged(answer, (0, 0), (0, 0)), "waiting")


def check_nothing_is_learnt_from_a_stable_that_is_unwell(answer: Path) -> None:
    expect_equal("6 % errors on both sides", judged(answer, (500, 30), (500, 30)), "inconclusive")


def check_of_a_hundred_good_rollouts_none_is_rolled_back(answer: Path) -> None:
    """Both fail 1 % of the time, and the verdict looks 25 times."""
    module, rng = load(answer), Random(7)  # noqa: S311 - a simulation
    stopped = sum(rollout(module, rng, STABLE_RATE) for _ in range(ROLLOUTS))
    expect_equal(f"of {ROLLOUTS} rollouts of a candidate like stable, how many were stopped", stopped, 0)


def check_of_twenty_bad_rollouts_all_are(answer: Path) -> None:
    module, rng = load(answer), Random(7)  # noqa: S311 - a simulation
    stopped = sum(rollout(module, rng, BAD_RATE) for _ in range(20))
    expect_equal("of 20 rollouts of a candidate with 15 % errors, how many were stopped", stopped, 20)


def rollout(module: ModuleType, rng: Random, error_rate: float) -> bool:
    """Whether a rollout was rolled back at one of its looks: 20 answers of the candidate and 60 of stable each."""
    mine = theirs = 0
    for look in range(1, LOOKS + 1):
        mine += sum(rng.random() < error_rate for _ in range(20))
        theirs += sum(rng.random() < STABLE_RATE for _ in range(60))
        if module.verdict(module.Sample(20 * look, mine), module.Sample(60 * look, theirs)) == "rolled back":
            return True
    return False


def judged(answer: Path, candidate: tuple[int, int], stable: tuple[int, int]) -> str:
    module = load(answer)
    found: str = module.verdict(module.Sample(*candidate), module.Sample(*stable))
    return found
