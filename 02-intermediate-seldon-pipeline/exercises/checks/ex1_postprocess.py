"""What exercise 1 must do."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from course.exercises import expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

SCORES = [0.1, 0.9, 0.5, 0.7]


def check_the_best_come_first(answer: Path) -> None:
    recommend = load(answer).recommend
    expect_equal("the best two", recommend(SCORES, set(), set(), 2), ([1, 3], None))
    expect_equal("all of them", recommend(SCORES, set(), set(), 4), ([1, 3, 2, 0], None))


def check_what_is_rated_or_out_of_stock_is_not_shown(answer: Path) -> None:
    recommend = load(answer).recommend
    expect_equal("without the best, which is rated,", recommend(SCORES, {1}, set(), 2), ([3, 2], None))
    expect_equal("without the best, which is sold out,", recommend(SCORES, set(), {1}, 2), ([3, 2], None))


def check_too_few_are_explained(answer: Path) -> None:
    recommend = load(answer).recommend
    expect_equal("of two left", recommend(SCORES, {1}, {0}, 3), ([3, 2], "2 of 4 items left: 1 rated, 1 out of stock"))
    expected: tuple[list[int], str] = ([], "0 of 4 items left: 2 rated, 2 out of stock")
    expect_equal("of none left", recommend(SCORES, {1, 2}, {0, 1, 3}, 1), expected)


def check_equal_scores_always_come_in_the_same_order(answer: Path) -> None:
    recommend = load(answer).recommend
    expect_equal("of five equal scores", recommend([0.5] * 5, {2}, set(), 3), ([0, 1, 3], None))


def check_a_score_that_is_no_number_is_never_shown(answer: Path) -> None:
    recommend = load(answer).recommend
    nan = float("nan")
    expect_equal("with a NaN", recommend([0.1, nan, 0.2], set(), set(), 2), ([2, 0], None))
    expected = ([2, 0], "2 of 3 items left: 0 rated, 0 out of stock")
    expect_equal("with a NaN and k = 3", recommend([0.1, nan, 0.2], set(), set(), 3), expected)


def check_other_catalogues_are_cut_by_the_same_rules(answer: Path) -> None:
    recommend, random = load(answer).recommend, Random()  # noqa: S311 - examples
    for _ in range(50):
        scores = [random.randint(0, 9) / 10 for _ in range(random.randint(1, 12))]
        rated, out = ({at for at in range(len(scores)) if random.random() < share} for share in (0.3, 0.3))
        k = random.randint(1, len(scores))
        left = [at for at in range(len(scores)) if at not in rated and at not in out]
        best: list[int] = []
        while len(best) < min(k, len(left)):
            best.append(max((at for at in left if at not in best), key=lambda at: (scores[at], -at)))
        counts = f"{len(rated)} rated, {len(out - rated)} out of stock"
        reason = None if len(best) == k else f"{len(left)} of {len(scores)} items left: {counts}"
        expect_equal(f"recommend({scores}, {rated}, {out}, {k})", recommend(scores, rated, out, k), (best, reason))


def check_what_it_was_given_is_not_changed(answer: Path) -> None:
    scores, rated, out = list(SCORES), {1}, {0, 1}
    load(answer).recommend(scores, rated, out, 2)
    expect_equal("scores, rated and out afterwards", (scores, rated, out), (SCORES, {1}, {0, 1}))
