"""What is said of a day: each planted weakness is named, in the words of what happened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from planner.token_day.replica_table import ReplicaState
from planner.token_day.token_breaks import TokenCase, first_token_break
from planner.token_day.token_run import TokenMoment, TokenRun
from planner.token_day.token_times import token_times
from tests.unit.planner.token_day.token_days import TOKEN_TASKS, token_changed, token_needs

if TYPE_CHECKING:
    from planner.day.canary_release import DayRollout

(TASK,) = TOKEN_TASKS
NEEDS = token_needs(TASK)
TIMES = token_times(NEEDS, 1)
QUIET = TokenMoment(
    at_s=0.0, rate_rps=50.0, failed=0.0, late=0.0, slow=0.0, by_release=0.0, over_budget=0.0, gone=0.0, asked_again=0.0,
    abuse_rps=0.0, each_rps=1.0, state=ReplicaState(0.0, 0.0, 0.0, 0.8, 500.0), ready=50, starting=0, holds_rps=100.0,
)  # fmt: skip
FULL = {"late": 0.5, "holds_rps": 30.0}


def said(moment: dict[str, Any], changes: dict[str, Any] | None = None) -> str:
    rollout: DayRollout = None  # type: ignore[assignment]
    day = TokenRun([QUIET, QUIET._replace(**moment)], 1.0, TIMES, rollout)
    broke = first_token_break(TokenCase(token_changed(TASK, changes or {}), NEEDS, day))
    assert broke is not None
    return f"{broke.at}, {broke.what}. Why: {broke.why}. Try: {broke.remedy}."


@pytest.mark.parametrize(
    ("moment", "changes", "words"),
    [
        ({"failed": 0.2, "over_budget": 0.2}, {}, "largest honest key used 45,600 tokens a minute .* raise budget"),
        ({"failed": 0.3, "gone": 0.3, "at_s": TIMES.loss.at_s}, {}, "a machine was lost, .* set retries.attempts"),
        ({"late": 0.2, "abuse_rps": 20.0, "at_s": TIMES.abuse.at_s}, {}, "20/s of one client .* 57% of all"),
        (FULL, {"autoscaling.metric": "none"}, "50 requests/s met 50 ready replicas, which hold 30/s; nothing adds"),
        (FULL, {"autoscaling.max_replicas": 50}, "max_replicas is 50. Try: raise autoscaling.max_replicas"),
        (FULL, {"autoscaling.metric": "cpu", "autoscaling.target": 0.9}, 'cores were 80% busy, .*metric = "tokens"'),
        ({**FULL, "starting": 4}, {}, "4 more were starting, which takes 120 s. Try: lower autoscaling.target"),
        ({"slow": 0.2}, {"engine.step_tokens": 2048}, "steps were too long: 2048 tokens, .* lower engine.step_tokens"),
        ({"late": 0.2}, {}, "20.0% waited too long for the first token. .* 500 tokens in it"),
    ],
)  # fmt: skip
def test_what_broke_is_explained_from_what_the_replicas_did(
    moment: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    assert re.search(words, said(moment, changes)), said(moment, changes)


def test_a_day_on_which_nothing_broke_has_no_first_break() -> None:
    day = TokenRun([QUIET], 1.0, TIMES, None)  # type: ignore[arg-type]
    assert first_token_break(TokenCase(token_changed(TASK, {}), NEEDS, day)) is None
