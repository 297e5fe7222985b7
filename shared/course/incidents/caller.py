"""The users of a level during an incident: steady calls, and a summary of what their senders see.

Each call is due at a random moment of its turn. Calls on the beat might all fall between those of a fault that comes in
beats itself, or all into them.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Caller", "Promise", "Summary"]

_PATIENT = 32


@dataclass(frozen=True)
class Promise:
    """What users are promised, as a drill judges it: over seconds, so with more room than over a month.

    Attributes:
        ok: this share of the calls gets what `send` calls good.
        fast: this share of them is answered in time.
        within_s: what is in time, from when a call was due.
        window_s: the calls that were due in these last seconds are judged.
    """

    ok: float = 0.99
    fast: float = 0.95
    within_s: float = 0.25
    window_s: float = 5.0


@dataclass(frozen=True)
class Summary:
    """A summary of the calls that were due in the last seconds.

    Attributes:
        requests: how many.
        ok: those answered with a 2xx.
        slow: those that took longer than a second, or have waited that long by now.
        slowest_s: the longest wait, from when a call was due.
        outcomes: how often each other outcome came: a status, or the error's name.
    """

    requests: int
    ok: int
    slow: int
    slowest_s: float
    outcomes: dict[str, int]

    def __str__(self) -> str:
        slow = f"{self.slow} took longer than 1 s, the slowest {self.slowest_s:.1f} s"
        others = ", ".join(f"{count} × {outcome}" for outcome, count in self.outcomes.items())
        return f"of {self.requests} calls {self.ok} got a 2xx; {slow}{f'; {others}' if others else ''}"


@dataclass
class _Call:
    due_s: float
    ended_s: float | None = None
    outcome: str = ""

    def waited_s(self, now: float) -> float:
        return (self.ended_s or now) - self.due_s


class Caller:
    """Makes calls at a steady rate until it is stopped, whether or not earlier calls were answered.

    Args:
        send: makes one call and returns its status, or what is wrong with the answer; may raise what its client raises.
        rate_rps: calls a second.
        objective: what `breach` judges.

    Attributes:
        objective: the same; it may be replaced at any time.
    """

    def __init__(self, send: Callable[[], int | str], rate_rps: float = 20.0, objective: Promise | None = None) -> None:
        self._send = send
        self.objective = objective or Promise()
        self._interval_s = 1 / rate_rps
        self._random = Random()  # noqa: S311 - when a call is made is no secret
        self._calls: list[_Call] = []
        self._over = Event()
        self._thread = Thread(target=self._run, name="caller")

    def start(self) -> None:
        """Starts the calls in threads."""
        self._thread.start()

    def stop(self) -> None:
        """Stops the calls, and returns when the last has ended; harmless before `start`."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def summary(self, window_s: float = 10.0) -> Summary:
        """The summary of the calls that were due in the last `window_s` seconds."""
        now = time.monotonic()
        calls = self._recent(window_s, now)
        waits = [call.waited_s(now) for call in calls]
        outcomes: dict[str, int] = {}
        for call in calls:
            if call.outcome and not call.outcome.startswith("2"):
                outcomes[call.outcome] = outcomes.get(call.outcome, 0) + 1
        ok = sum(call.outcome.startswith("2") for call in calls)
        return Summary(len(calls), ok, sum(wait > 1 for wait in waits), max(waits, default=0.0), outcomes)

    def breach(self) -> str | None:
        """What of the objective the recent calls missed, or None; no call is a breach, as nothing is known then."""
        now, promised = time.monotonic(), self.objective
        calls = self._recent(promised.window_s, now)
        settled = [call for call in calls if call.ended_s is not None or call.waited_s(now) > promised.within_s]
        if not settled:
            return "no call has ended yet"
        failed = [call for call in settled if call.outcome and not call.outcome.startswith("2")]
        late = [call for call in settled if call.waited_s(now) > promised.within_s]
        if len(failed) > (1 - promised.ok) * len(settled):
            return f"{len(failed)} of {len(settled)} calls were not answered well; {promised.ok:.0%} are promised"
        if len(late) > (1 - promised.fast) * len(settled):
            return (
                f"{len(late)} of {len(settled)} calls took longer than {promised.within_s * 1000:g} ms; "
                f"{promised.fast:.0%} in time are promised"
            )
        return None

    def _recent(self, window_s: float, now: float) -> list[_Call]:
        count = int(window_s / self._interval_s) + 2
        return [call for call in self._calls[-count:] if call.due_s > now - window_s]

    def _run(self) -> None:
        with ThreadPoolExecutor(_PATIENT) as pool:
            began = due = time.monotonic()
            for turn in itertools.count(1):
                if self._over.wait(max(0.0, due - time.monotonic())):
                    return
                call = _Call(due)
                self._calls.append(call)
                pool.submit(self._make, call)
                due = began + (turn + self._random.random()) * self._interval_s

    def _make(self, call: _Call) -> None:
        try:
            call.outcome = str(self._send())
        except Exception as error:  # noqa: BLE001 - whatever the client calls a failure is an outcome
            call.outcome = type(error).__name__
        call.ended_s = time.monotonic()
