from __future__ import annotations

import pytest

from assistant.domain.admission import TokenAdmission, TokenBudgets, estimated_tokens
from assistant.domain.errors import BudgetError, BusyError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def retry_after(error: BusyError | BudgetError) -> int:
    return int(dict(error.headers)[b"retry-after"])


def test_tokens_are_counted_not_requests() -> None:
    admission = TokenAdmission(1000, 60, 100, Clock())
    small = [admission.enter(10, 10) for _ in range(40)]
    with pytest.raises(BusyError, match="800 tokens under way, no room for 300") as refused:
        admission.enter(200, 100)
    assert retry_after(refused.value) >= 1
    for place in small:
        admission.leave(place)
    assert (admission.reserved, admission.waiting) == (0, 0)
    admission.leave(admission.enter(200, 100))


def test_a_request_larger_than_the_room_is_let_in_alone_rather_than_never() -> None:
    TokenAdmission(100, 60, 100, Clock()).enter(90, 90)


def test_a_first_token_that_would_come_too_late_is_refused_until_prompts_are_computed() -> None:
    clock = Clock()
    admission = TokenAdmission(100_000, 5, 100, clock)
    first = admission.enter(400, 10)
    with pytest.raises(BusyError, match=r"the first token would come in 8.0 s, later than 5 s") as refused:
        admission.enter(400, 10)
    assert retry_after(refused.value) == 3
    clock.now += 4
    admission.begun(first)
    admission.leave(admission.enter(400, 10))


def test_the_rate_of_prompts_follows_what_is_seen() -> None:
    clock = Clock()
    admission = TokenAdmission(100_000, 5, 100, clock)
    for _ in range(30):
        place = admission.enter(400, 10)
        clock.now += 0.4
        admission.begun(place)
        admission.leave(place)
    places = [admission.enter(400, 10) for _ in range(10)]  # 4,000 tokens at 1,000 a second
    assert admission.waiting == 4000
    for place in places:
        admission.leave(place)
    assert admission.waiting == 0


def test_the_engines_count_replaces_the_estimate_before_and_after_the_first_token() -> None:
    admission = TokenAdmission(1000, 60, 100, Clock())
    place = admission.enter(100, 10)
    admission.counted(place, 150)
    assert (admission.reserved, admission.waiting) == (160, 150)
    admission.begun(place)
    admission.leave(place)
    assert (admission.reserved, admission.waiting) == (0, 0)


def test_a_budget_is_a_keys_own_and_comes_back_with_time() -> None:
    clock = Clock()
    budgets = TokenBudgets(600, clock)
    budgets.take("app", 600)
    budgets.take("other", 600)
    with pytest.raises(BudgetError, match="600 a minute, 0 left, this request may need 50") as refused:
        budgets.take("app", 50)
    assert retry_after(refused.value) == 5
    clock.now += 5
    budgets.take("app", 50)


def test_what_was_not_used_is_given_back_and_never_more_than_the_bucket_holds() -> None:
    clock = Clock()
    budgets = TokenBudgets(600, clock)
    budgets.take("app", 600)
    budgets.give_back("app", 580)
    budgets.take("app", 580)
    budgets.give_back("app", 5000)
    with pytest.raises(BudgetError):
        budgets.take("app", 601)


def test_without_a_budget_nobody_is_refused() -> None:
    TokenBudgets(0, Clock()).take("app", 10**9)
    TokenBudgets(600, Clock()).take("", 10**9)


def test_the_estimate_counts_bytes_so_that_other_scripts_are_not_underestimated() -> None:
    assert estimated_tokens(["abcdef"]) == 7
    assert estimated_tokens(["漢字", ""]) == 12
