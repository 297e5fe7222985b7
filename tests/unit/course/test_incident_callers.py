"""The callers of an incident: they keep calling, count what they are told, and know what they were promised."""

from __future__ import annotations

import re
from threading import Event

from course.incidents import Caller, Objective
from tests.patience import GENEROUS_S, until


def test_callers_keep_calling_while_nobody_answers() -> None:
    answers, asked = Event(), []

    def send() -> int:
        asked.append(1)
        answers.wait(GENEROUS_S)
        return 200

    caller = Caller(send, rate_rps=50)
    caller.start()
    until(lambda: caller.summary().slow > 2)
    waiting = caller.summary()
    assert waiting.ok == 0
    assert waiting.slowest_s > 1
    answers.set()
    until(lambda: caller.summary().ok > 2)
    caller.stop()
    caller.stop()
    assert len(asked) > 10
    assert "calls" in str(caller.summary())


def test_callers_count_what_else_they_are_told() -> None:
    outcomes = iter([503, 200, 503])

    def send() -> int:
        try:
            return next(outcomes)
        except StopIteration:
            raise ConnectionRefusedError from None

    caller = Caller(send, rate_rps=100)
    caller.start()
    until(lambda: "ConnectionRefusedError" in caller.summary().outcomes)
    caller.stop()
    summary = caller.summary(60)
    assert (summary.ok, summary.outcomes["503"]) == (1, 2)
    assert "2 × 503" in str(summary)


def test_callers_that_never_began_can_be_stopped() -> None:
    caller = Caller(lambda: 200)
    caller.stop()
    assert caller.summary().requests == 0


def test_users_are_promised_good_answers_in_time() -> None:
    answers = iter([200] * 10 + ["wrong answer"])
    promised = Objective(ok=0.95, fast=0.95, within_s=0.5, window_s=60.0)
    caller = Caller(lambda: next(answers), rate_rps=100, objective=promised)
    assert caller.breach() == "no call has ended yet"
    caller.start()
    until(lambda: "wrong answer" in caller.summary(60).outcomes)
    caller.stop()
    assert (caller.breach() or "").endswith("calls were not answered well; 95% are promised")


def test_users_who_still_wait_are_late() -> None:
    answers = Event()

    def send() -> int:
        answers.wait(GENEROUS_S)
        return 200

    caller = Caller(send, rate_rps=50, objective=Objective(within_s=0.05))
    caller.start()
    found = until(lambda: (breach := caller.breach()) and "took longer" in breach and breach)
    answers.set()
    caller.stop()
    assert re.fullmatch(r"\d+ of \d+ calls took longer than 50 ms; 95% in time are promised", str(found))


def test_each_turn_has_its_call_and_no_two_fall_on_one_beat() -> None:
    interval_s = 0.01
    caller = Caller(lambda: 200, rate_rps=1 / interval_s)
    caller.start()
    until(lambda: caller.summary().requests > 40)
    caller.stop()
    due = [(call.due_s - caller._calls[0].due_s) / interval_s for call in caller._calls]
    assert [int(each) for each in due] == list(range(len(due)))
    parts = [each % 1 for each in due[1:]]
    assert max(parts) - min(parts) > 0.5
