"""What exercise 7 must do: servers that nobody has seen before, at a third of their capacity and at three times it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from math import log
from random import Random
from typing import TYPE_CHECKING, Any

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = 12_000
WORKERS = (1, 4, 12)
TOLERATED = 1.35  # of the limit: requests take different times, and nobody knows them beforehand
SPREAD = 0.5
ENOUGH, LATE, NEEDLESS = 0.85, 0.06, 0.01


AT_ONCE, LONGEST_S = range(14, 23), 60.0


@dataclass
class Run:
    """A server, and what became of its requests: the latencies and the work of those that came in, and the refusals."""

    workers: int
    limit_s: float
    latencies_s: list[float] = field(default_factory=list)
    work_s: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    ended_s: float = 0.0


def check_an_empty_server_takes_a_request(answer: Path) -> None:
    door = load(answer).Door(2, 0.1, 0.01)
    expect_equal("arrive() at an empty server", door.arrive(), None)


def check_a_full_server_says_when_to_come_again(answer: Path) -> None:
    door = load(answer).Door(2, 0.1, 0.01)
    said = [door.arrive() for _ in range(40)]
    taken = sum(each is None for each in said)
    expect(taken in AT_ONCE, f"2 workers, 10 ms each, a limit of 100 ms: {taken} of 40 came in: expected 18 to 20")
    later = [each for each in said if each is not None]
    expect(all(0 < each < LONGEST_S for each in later), f"Retry-After {later[:3]}: expected seconds above 0")
    for _ in range(taken):
        door.done(0.01)
    expect_equal("arrive() once all are answered", door.arrive(), None)


def check_nobody_is_refused_without_need(answer: Path) -> None:
    run = simulate(load(answer), 4, load_share=1 / 3)
    share = len(run.refused) / REQUESTS
    expect(share <= NEEDLESS, f"at a third of its capacity {share:.1%} are refused: expected {NEEDLESS:.0%} at most")


def check_three_times_too_many_are_refused_in_time(answer: Path) -> None:
    for workers in WORKERS:
        _judge(simulate(load(answer), workers, load_share=3.0), f"{workers} workers, three times too many requests")


def check_a_server_that_becomes_slower_is_noticed(answer: Path) -> None:
    for workers in WORKERS:
        run = simulate(load(answer), workers, load_share=3.0, later=2.0)
        _judge(run, f"{workers} workers that become half as fast")


def _judge(run: Run, story: str) -> None:
    limit_s = run.limit_s
    late = sum(each > limit_s * TOLERATED for each in run.latencies_s) / max(len(run.latencies_s), 1)
    expect(bool(run.latencies_s), f"{story}: nobody came in")
    expect(late <= LATE, f"{story}: {late:.1%} of those who came in are answered late: expected {LATE:.0%} at most")
    good = sum(run.work_s) / (run.ended_s * run.workers)
    expect(
        good >= ENOUGH,
        f"{story}: the workers compute {good:.0%} of the time: expected {ENOUGH:.0%} at least, let more in",
    )


def simulate(module: Any, workers: int, load_share: float, later: float = 1.0) -> Run:
    """Requests come by chance and compute for times that nobody knows; the second half for `later` times as long."""
    random = Random()  # noqa: S311 - examples
    mean_s = random.uniform(0.002, 0.02)
    limit_s = mean_s * random.uniform(8, 14)
    door = module.Door(workers, limit_s, mean_s * random.uniform(0.7, 1.4))
    free, running, now_s = [0.0] * workers, list[tuple[float, float]](), 0.0
    run = Run(workers, limit_s)
    for number in range(REQUESTS):
        now_s += random.expovariate(load_share * workers / mean_s)
        while running and running[0][0] <= now_s:
            door.done(heapq.heappop(running)[1])
        again_s = door.arrive()
        if again_s is not None:
            run.refused.append(again_s)
            continue
        works_s = random.lognormvariate(log(mean_s) - SPREAD**2 / 2, SPREAD) * (later if 2 * number > REQUESTS else 1.0)
        begins_s = max(now_s, heapq.heappop(free))
        heapq.heappush(free, begins_s + works_s)
        heapq.heappush(running, (begins_s + works_s, works_s))
        run.latencies_s.append(begins_s + works_s - now_s)
        run.work_s.append(works_s)
    run.ended_s = max(now_s, *free)
    return run
