"""What exercise 6 must do: the probes answer rightly one by one, in a bad night, and in any order of events."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

STUCK_S, MOST = 10.0, 64
EVENTS = ("beat", "loaded", "store away", "store back", "few wait", "many wait", "stop", "nothing")
EVERY_S = 3.0
OK = 200
AWAY = range(600, 3_000)


def check_a_server_is_ready_only_when_it_would_answer(answer: Path) -> None:
    health = load(answer).Health(0.0, STUCK_S, MOST)
    expect_equal("ready before the model is loaded", health.ready(1.0), 503)
    health.loaded()
    expect_equal("ready before the store was asked", health.ready(1.0), 503)
    health.store(answers=True)
    expect_equal("ready with model and store", health.ready(1.0), 200)
    health.waiting(MOST + 1)
    expect_equal(f"ready while {MOST + 1} requests wait", health.ready(1.0), 503)
    health.waiting(MOST)
    expect_equal(f"ready while {MOST} requests wait, as many as may", health.ready(1.0), 200)
    health.stop()
    expect_equal("ready after SIGTERM", health.ready(1.0), 503)


def check_only_a_loop_that_stands_still_is_dead(answer: Path) -> None:
    health = load(answer).Health(100.0, STUCK_S, MOST)
    expect_equal("live while the model is loaded", health.live(101.0), 200)
    health.store(answers=False)
    health.waiting(10_000)
    health.stop()
    health.beat(1_000.0)
    expect_equal("live without a store, overloaded, draining", health.live(1_001.0), 200)
    expect_equal("live 10 s after the last beat", health.live(1_010.0), 200)
    expect_equal("live 10.5 s after the last beat", health.live(1_010.5), 503)
    expect_equal("ready 10.5 s after the last beat", health.ready(1_010.5), 503)


def check_a_night_without_the_store_restarts_nobody(answer: Path) -> None:
    health = load(answer).Health(0.0, STUCK_S, MOST)
    health.loaded()
    statuses = []
    for second in range(3_600):
        health.beat(float(second))
        health.store(answers=second not in AWAY)
        statuses.append((health.live(second + 0.5), health.ready(second + 0.5)))
    restarts = sum(live != OK for live, _ in statuses)
    expect_equal("restarts while the store is away for 40 minutes", restarts, 0)
    unready = sum(ready != OK for _, ready in statuses)
    expect_equal("seconds in which it is not ready", unready, len(AWAY))


def check_any_order_of_events_is_answered_rightly(answer: Path) -> None:
    module, random = load(answer), Random()  # noqa: S311 - examples
    for _ in range(60):
        health, known = module.Health(0.0, STUCK_S, MOST), {"beat": 0.0, "wait": 0}
        told: list[str] = []
        for step in range(1, 30):
            event, at_s = random.choice(EVENTS), step * EVERY_S
            told.append(f"{at_s:g} s {event}")
            _tell(health, known, event, at_s)
            found, right = (health.live(at_s), health.ready(at_s)), _right(known, at_s)
            expect(found == right, f"live and ready {found} after {'; '.join(told[-6:])}: expected {right}")


def _tell(health: Any, known: dict[str, Any], event: str, at_s: float) -> None:
    waiting = {"few wait": 3, "many wait": 500}
    if event == "beat":
        health.beat(at_s)
        known["beat"] = at_s
    elif event.startswith("store"):
        health.store(answers=event == "store back")
        known["store"] = event == "store back"
    elif event in waiting:
        health.waiting(waiting[event])
        known["wait"] = waiting[event]
    elif event != "nothing":
        getattr(health, event)()
        known[event] = True


def _right(known: dict[str, Any], at_s: float) -> tuple[int, int]:
    alive = at_s - known["beat"] <= STUCK_S
    can = alive and known.get("loaded") and known.get("store") and known["wait"] <= MOST and not known.get("stop")
    return 200 if alive else 503, 200 if can else 503
