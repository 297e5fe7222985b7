"""The cost of an audit record to the request that makes it."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import SecretStr
from rich.progress import track
from rich.text import Text

from servekit.audit.settings import AuditSettings
from servekit.audit.verify import verify
from servekit.audit.writer import AuditLog
from servekit.json_file import write_json
from workbench.hardware import describe, hardware_stamp
from workbench.terminal import make_table

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.bench import Goal

__all__ = ["Cost", "bench", "measure"]

LIMIT_US = 20.0
_ROUNDS = 5
_WORDS: dict[Goal, str] = {"met": "within", "missed": "over", "too close to tell": "too close to tell from"}
_KEY = "a key for the bench that is nobody's secret"
_CASES: dict[str, dict[str, Any]] = {
    "SHA-256 chain": {},
    "SHA-256 chain, no fsync": {"fsync": "never"},
    "HMAC-SHA256 chain": {"key": SecretStr(_KEY)},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a kind of log, medians over the rounds in µs of one event; ``cpu_us`` includes the writing thread.

    ``rounds_us`` is ``record_us`` of each round.
    """

    case: str
    rounds_us: tuple[float, ...]
    record_us: float
    record_p50_us: float
    record_p99_us: float
    digests_us: float
    cpu_us: float


def bench(console: Console, events: int, output: Path) -> int:
    """Prints and writes the costs; returns 0 when a record costs the caller less than 20 µs in every round.

    Returns 1 when one kind of log costs more in every round, and 3 when in some, which is too close to tell.
    """
    from workbench.bench import all_of, at_most  # noqa: PLC0415 - needs packages that no image has

    stamp = hardware_stamp()
    costs = measure(console, events)
    slowest = max(cost.record_us for cost in costs)
    goal = all_of(at_most(cost.rounds_us, LIMIT_US) for cost in costs)
    document = {
        "hardware": stamp,
        "events": events,
        "rounds": _ROUNDS,
        "limit_us": LIMIT_US,
        "costs": [asdict(cost) for cost in costs],
        "verdict": {"met": "pass", "missed": "fail"}.get(goal, "too_close"),
    }
    write_json(output, document)
    table = make_table(console, "µs per event", "record, mean", "p50", "p99", "two digests", "CPU, all threads")
    for cost in costs:
        figures = (cost.record_us, cost.record_p50_us, cost.record_p99_us, cost.digests_us, cost.cpu_us)
        table.add_row(cost.case, *(f"{figure:.1f}" for figure in figures))
    console.print(table)
    console.print(Text(f"{describe(stamp)}; medians of {_ROUNDS} rounds of {events} events; {output}", "dim"))
    verdict = f"{slowest:.1f} µs a record at most, {_WORDS[goal]} {LIMIT_US:g} µs"
    console.print(Text(verdict, {"met": "green", "missed": "red"}.get(goal, "yellow")))
    return {"met": 0, "missed": 1, "too close to tell": 3}[goal]


def measure(console: Console, events: int) -> list[Cost]:
    """The cost of each kind of log, their rounds in turn; every line of every round is verified afterwards."""
    rounds: dict[str, list[tuple[float, ...]]] = {case: [] for case in _CASES}
    for _ in track(range(_ROUNDS), "audit", console=console, transient=True):
        for case, overrides in _CASES.items():
            rounds[case].append(_round(overrides, events))
    return [
        Cost(
            case,
            tuple(round(row[0], 2) for row in rows),
            *(round(statistics.median(figures), 2) for figures in zip(*rows, strict=True)),
        )
        for case, rows in rounds.items()
    ]


def _round(overrides: dict[str, Any], events: int) -> tuple[float, ...]:
    features, answer = np.ones((1, 4), np.float32), np.ones((1, 3), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        settings = AuditSettings(dir=Path(folder), **overrides)
        with AuditLog(settings) as log:
            digests_us = _each_us(lambda: (log.digest(features), log.digest(answer)), events)[0]
            member = log.digest(features)

            def record() -> None:
                log.record(
                    request_id="4bf92f3577b34da6a3ce929d0e0e4736",
                    model="iris",
                    version="1",
                    input_digest=member,
                    output_digest=member,
                    decision="setosa",
                    latency_s=0.00123,
                )

            before = time.process_time()
            mean, p50, p99 = _each_us(record, events)
            log.flush()
            cpu_us = (time.process_time() - before) / events * 1e6
        report = verify(Path(folder), settings.key.get_secret_value())
        lines = report.writers[0].head[0]
        if report.problems or lines != events + 1:
            raise RuntimeError(f"audit bench: {lines} sound lines, expected {events + 1}")
        return mean, p50, p99, digests_us, cpu_us


def _each_us(call: Any, times: int) -> tuple[float, float, float]:
    clock, taken = time.perf_counter, []
    for _ in range(times):
        start = clock()
        call()
        taken.append(clock() - start)
    p50, p99 = np.percentile(taken, [50, 99])
    return statistics.fmean(taken) * 1e6, float(p50) * 1e6, float(p99) * 1e6
