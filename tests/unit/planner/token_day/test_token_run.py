from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from planner.day.timetable import DAY_S, STEP_S
from planner.token_day.token_design import BudgetChoice
from planner.token_day.token_needs import BadModel
from planner.token_day.token_release import caught
from planner.token_day.token_run import TokenSighting, _over_budget, _Replicas
from planner.token_day.token_times import questions, token_times
from tests.unit.planner.token_day.token_days import TOKEN_TASKS, token_changed, token_needs, token_run

(TASK,) = TOKEN_TASKS
NEEDS = token_needs(TASK)
BAD = BadModel(right=0.9, bad_right=0.7, reported=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_no_two_events_meet_and_lunch_is_as_much_more_as_the_task_says(seed: int) -> None:
    times = token_times(NEEDS, seed)
    assert all(one.end_s <= other.at_s for one, other in pairwise(times))
    assert times.loss.end_s < NEEDS.shoppers.peak_hour * 3600 < DAY_S
    rates = questions(NEEDS, times, seed)
    at = {name: int((times.lunch.at_s + after) // STEP_S) for name, after in (("before", -60), ("in", 600))}
    assert rates[at["in"]] / rates[at["before"]] == pytest.approx(NEEDS.lunch.factor, rel=0.15)
    assert len(rates) == DAY_S / STEP_S


def test_a_key_over_its_budget_loses_what_is_over_and_no_other_does() -> None:
    shoppers = msgspec.structs.replace(NEEDS.shoppers, keys=4, largest_key=0.4)
    needs = msgspec.structs.replace(NEEDS, shoppers=shoppers)
    # of 10 questions/s one key has 4 and three have 2 each
    for by, unit in (("requests", 1.0), ("tokens", shoppers.tokens)):
        budgets = [BudgetChoice(by=by, per_minute=60 * unit * each) for each in (5, 3, 1)]  # type: ignore[arg-type]
        assert [_over_budget(each, needs, 10.0) for each in budgets] == pytest.approx([0, 0.1, 0.3 + 0.3])
    assert _over_budget(BudgetChoice(), needs, 1e9) == 0


def test_questions_catch_a_bad_model_the_surer_the_more_and_seldom_a_good_one() -> None:
    assert caught(0, BAD) == 0
    sure = [caught(count, BAD) for count in (10, 20, 50, 150)]
    assert sure == sorted(sure)
    assert sure[0] < 0.3
    assert sure[-1] > 0.999
    good = BadModel(right=0.9, bad_right=0.9, reported=0.02)
    assert all(caught(count, good) <= 0.01 for count in range(300))
    # by hand: of five questions one that is right in half of the cases gets none in 1 of 32, more than 1 of 100
    assert caught(5, BadModel(right=0.5, bad_right=0.1, reported=0.02)) == 0
    assert caught(7, BadModel(right=0.5, bad_right=0.1, reported=0.02)) == pytest.approx(0.9**7)


def test_a_lost_machine_takes_its_replicas_which_answer_again_elsewhere_later() -> None:
    replicas = _Replicas(token_changed(TASK, {"servers.replicas": 20, "autoscaling.metric": "none"}), NEEDS, fit=7)
    assert (replicas.ready, replicas.machines) == (20, 3)
    assert replicas.lose_machine(1000.0) == 7
    assert (replicas.ready, replicas.starting) == (13, 7)
    back = 1000.0 + NEEDS.moved_s + NEEDS.start_s
    replicas.begin(back - 1)
    assert replicas.ready == 13
    replicas.scale(back - 1, TokenSighting(1.0, 9.0, 9999.0))
    replicas.begin(back)
    assert (replicas.ready, replicas.starting) == (20, 0)


@pytest.mark.slow
def test_more_replicas_are_never_worse_and_cost_more() -> None:
    days = [token_run(TASK, {"autoscaling.metric": "none", "servers.replicas": count}) for count in (14, 21, 28, 42)]
    for fewer, more in pairwise(days):
        assert more.dollars > fewer.dollars
        for less, best in zip(fewer.moments, more.moments, strict=True):
            assert best.failed <= less.failed + 0.01, (less, best)
    broken = [sum(each.bad * each.rate_rps for each in day.moments) for day in days]
    assert broken == sorted(broken, reverse=True)


@pytest.mark.slow
def test_every_question_is_answered_or_failed_once_however_often_it_is_asked() -> None:
    changes = {"autoscaling.metric": "none", "servers.replicas": 18}
    for attempts in (0, 1, 3):
        day = token_run(TASK, {**changes, "retries.attempts": attempts, "retries.backoff_s": 20})
        assert all(each.failed >= 0 and each.late + each.slow >= 0 for each in day.moments)
        asked = np.array([each.rate_rps for each in day.moments])
        again = np.array([each.asked_again for each in day.moments])
        refused = np.array([each.state.failed for each in day.moments])
        failed = np.array([(each.failed - each.gone * (attempts == 0)) * each.rate_rps for each in day.moments])
        # whoever is refused asks again or has failed: nobody disappears, but the few who still wait at midnight
        turned_away = ((asked + again) * refused).sum()
        assert failed.sum() + again.sum() == pytest.approx(turned_away, rel=0.01)


@pytest.mark.slow
def test_a_day_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    one, same, other = (token_run(TASK, {}, seed) for seed in (1, 1, 2))
    assert one.moments == same.moments
    assert one.dollars != other.dollars
