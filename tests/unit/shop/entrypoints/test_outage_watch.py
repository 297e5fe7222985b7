"""When a failure that `make failures-3` causes is taken for over."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from shop.commands.failures import _Watch
from shop.load.offering import Message
from workbench.load import Answer, Failure, Request

MESSAGE = Message(b"", Request("/v1/search", b""))
QUIET_S, PATIENCE_S = 2.0, 20.0


class Watched:
    """A watch that began when its process was killed, on a clock of the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("shop.commands.failures.time", SimpleNamespace(monotonic=lambda: self.now))
        self.watch = _Watch("triton", QUIET_S, PATIENCE_S)
        assert not self.watch.over()
        self.watch.killed()

    def answered(self, at_s: float, latency_s: float, status: int = 200) -> bool:
        """Whether it is over, now that this answer has come, so many seconds after the kill."""
        self.now = 100 + at_s
        self.watch.on_answer(MESSAGE, Answer(0, 0, latency_s, status))
        return self.watch.over()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_a_failure_is_over_once_all_that_was_asked_for_a_while_got_a_whole_answer(watched: Watched) -> None:
    assert not watched.answered(0.1, 0.1)
    assert not watched.answered(1.0, 0.1, Failure.BROKEN)
    assert not watched.answered(2.9, 0.1)
    assert watched.answered(3.2, 0.1)
    assert (watched.watch.outage.requests, watched.watch.outage.recovery_s) == (4, 1.0)


def test_silence_is_no_recovery_but_it_is_not_watched_for_ever(watched: Watched) -> None:
    watched.now += QUIET_S + 1
    assert not watched.watch.over()
    watched.now += PATIENCE_S
    assert watched.watch.over()


def test_an_answer_to_what_was_asked_before_the_kill_says_nothing_however_late_it_is_heard(watched: Watched) -> None:
    assert not watched.answered(5.0, 5.1)
    assert watched.answered(5.1, 0.1)
