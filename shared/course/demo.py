"""The demonstration: ``python -m course.demo 1 2 3`` trains, starts, asks, loads, stops and judges each level.

It knows the levels by their make targets and by ``.run/sla/N.json`` alone, so a new level joins by having them.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.text import Text

from workbench.hardware import describe, hardware_stamp
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

__all__ = ["main"]

_STEPS = {
    "train": "train the models",
    "up": "start, wait until ready",
    "client": "real requests, every answer checked",
    "sla": "load at the promised rate",
}
_COLUMNS = ("level", "requests", "rate", "p50", "p99", "errors", "threshold", "verdict")
_INTERRUPTED = 130
_TOO_CLOSE = "too_close"


class _Limit(msgspec.Struct, frozen=True):
    """A limit of the SLA after a run: the requests that count against it, and the interval of its figure."""

    name: str
    hits: int | None = None
    low: float | None = None
    high: float | None = None
    needed_s: int | None = None


class _Sla(msgspec.Struct, frozen=True):
    """The part of ``.run/sla/N.json`` that the table shows."""

    requests: int
    rate_rps: float
    achieved_rps: float
    p50_ms: float
    p99_ms: float
    error_rate: float
    thresholds: dict[str, float | None]
    verdict: str
    limits: list[_Limit] = []

    def known(self, name: str) -> _Limit:
        return next((limit for limit in self.limits if limit.name == name), _Limit(name))


@dataclass(frozen=True)
class _Outcome:
    """The result of a level: the first target that failed, if any, and the load test's figures, if it was run."""

    level: int
    failed: str | None = None
    sla: _Sla | None = None

    @property
    def passed(self) -> bool:
        return self.failed is None and self.sla is not None

    @property
    def too_close(self) -> bool:
        """Whether nothing failed and the load test could not tell, which calls for a longer test, not for a repair."""
        return self.failed == f"sla-{self.level}" and self.sla is not None and self.sla.verdict == _TOO_CLOSE


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the levels; returns 0 when none fails or breaks its SLA, 1 when one does, 130 when interrupted.

    A level whose verdict is too close to tell does not fail; the output says which run would tell.
    """
    parser = argparse.ArgumentParser(prog="python -m course.demo", description=__doc__)
    parser.add_argument("levels", type=int, nargs="+", metavar="LEVEL")
    parser.add_argument("--make", default="make", help="the make command (make)")
    arguments = parser.parse_args(argv)
    console = make_console()
    begun = time.monotonic()
    outcomes: list[_Outcome] = []
    try:
        with _terminated_like_interrupted():
            for level in arguments.levels:
                outcomes.append(_show(level, shlex.split(arguments.make), console))  # noqa: PERF401 - kept when interrupted
    except KeyboardInterrupt:
        console.print("[bold yellow]interrupted[/]: everything is stopped")
        return _INTERRUPTED
    _print_verdicts(outcomes, time.monotonic() - begun, console)
    return 0 if all(outcome.passed or outcome.too_close for outcome in outcomes) else 1


def _show(level: int, make: Sequence[str], console: Console) -> _Outcome:
    result = Path(f".run/sla/{level}.json")
    result.unlink(missing_ok=True)  # never judge by an earlier run
    console.print(f"[bold]level {level}[/]")
    try:
        failed = next((verb for verb in _STEPS if not _step(verb, level, make, console)), None)
    finally:
        with _uninterrupted():
            stopped = _step("down", level, make, console)
    target = f"{failed}-{level}" if failed else None if stopped else f"down-{level}"
    outcome = _Outcome(level, target, _read(result))
    return outcome if stopped or not outcome.too_close else replace(outcome, failed=f"down-{level}")


def _step(verb: str, level: int, make: Sequence[str], console: Console) -> bool:
    """Runs one target and streams its output; returns whether it succeeded."""
    begun = time.monotonic()
    console.print(Text.assemble(("▶ ", "cyan"), f"make {verb}-{level}", (f"  {_STEPS.get(verb, 'stop')}", "dim")))
    with _started([*make, f"{verb}-{level}"], verb, console.width) as child:
        for line in child.stdout or ():
            if line.strip():
                console.print(Text.assemble(("│ ", "dim"), Text.from_ansi(line.rstrip())), soft_wrap=True)
    took = f"{time.monotonic() - begun:.1f} s"
    result = _read(Path(f".run/sla/{level}.json")) if verb == "sla" else None
    if child.returncode and result and result.verdict == _TOO_CLOSE:
        console.print(Text.assemble(("? ", "yellow"), f"too close to tell after {took}"))
    elif child.returncode:
        console.print(Text.assemble(("✗ ", "red"), f"exit status {child.returncode} after {took}"))
    else:
        console.print(Text.assemble(("✓ ", "green"), took))
    return child.returncode == 0


@contextmanager
def _started(command: Sequence[str], verb: str, width: int) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "COLUMNS": str(width - 2)}
    if verb != "up":  # a server's output is its own affair
        environment["PYTHONUNBUFFERED"] = "1"
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", env=environment,
    ) as child:  # fmt: skip
        try:
            yield child
        except BaseException:
            child.terminate()
            raise


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignores signals while a level is stopped, in this process and, by inheritance, in those that it starts."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _read(path: Path) -> _Sla | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Sla)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _print_verdicts(outcomes: Sequence[_Outcome], took_s: float, console: Console) -> None:
    table = make_table(console, *_COLUMNS)
    for outcome in outcomes:
        table.add_row(str(outcome.level), *_figures(outcome.sla), _verdict(outcome))
    console.print()
    console.print(table)
    console.print(Text(describe(hardware_stamp()), "dim"))
    for outcome in outcomes:
        if outcome.too_close and outcome.sla:
            console.print(_remedy(outcome.level, outcome.sla), soft_wrap=True)
    console.print(Text.assemble(_summary(outcomes), f" · {took_s:.0f} s"))
    console.print("make up-3 console shows a level while it works, live in a browser", style="dim")


def _summary(outcomes: Sequence[_Outcome]) -> tuple[str, str]:
    failed = [str(outcome.level) for outcome in outcomes if not (outcome.passed or outcome.too_close)]
    open_ = [str(outcome.level) for outcome in outcomes if outcome.too_close]
    if failed:
        return f"level {', '.join(failed)} failed", "bold red"
    if open_:
        return f"no level breaks its SLA; level {', '.join(open_)} is too close to tell", "bold yellow"
    return "every level keeps its SLA", "bold green"


def _remedy(level: int, sla: _Sla) -> Text:
    needed = max((limit.needed_s or 0 for limit in sla.limits if limit.hits), default=0)
    longer = f'a longer run may tell: make up-{level} sla-{level} ARGS="--duration {needed}"' if needed else (
        "its figures lie at the limit, and not even an hour of load would tell"
    )  # fmt: skip
    return Text(f"level {level}: {longer}", "yellow")


def _figures(sla: _Sla | None) -> tuple[str, ...]:
    if sla is None:
        return ("",) * 6
    limits = {name: limit for name, limit in sla.thresholds.items() if limit is not None}
    promised = [f"{name.removesuffix('_ms')} ≤ {limit:g} ms" for name, limit in limits.items() if name.endswith("_ms")]
    if "error_rate" in limits:
        promised.append(f"errors ≤ {limits['error_rate']:.2%}")
    return (
        f"{sla.requests:,}", f"{sla.achieved_rps:,.0f} of {sla.rate_rps:,.0f}/s", f"{sla.p50_ms:.1f} ms",
        f"{sla.p99_ms:.1f} ms{_within(sla.known('p99_ms'))}", _errors(sla), ", ".join(promised),
    )  # fmt: skip


def _within(p99: _Limit) -> str:
    if p99.low is None:
        return ""
    return f" (≥ {p99.low:.1f})" if p99.high is None else f" ({p99.low:.1f} to {p99.high:.1f})"


def _errors(sla: _Sla) -> str:
    """The share of failed requests, and the interval of the true share: none seen does not prove none."""
    errors = sla.known("error_rate")
    if errors.low is None or errors.high is None:
        return f"{sla.error_rate:.2%}"
    return (
        f"{sla.error_rate:.2%} ({errors.low:.2%} to {errors.high:.2%})"
        if errors.hits
        else f"none (< {errors.high:.2%})"
    )


def _verdict(outcome: _Outcome) -> Text:
    if outcome.passed and outcome.sla:
        return Text(f"✓ {outcome.sla.verdict}", "bold green")
    if outcome.too_close:
        return Text("? too close to tell", "bold yellow")
    if outcome.sla and outcome.failed == f"sla-{outcome.level}":
        return Text(f"✗ {outcome.sla.verdict}", "bold red")
    return Text(f"✗ make {outcome.failed} failed" if outcome.failed else "✗ no result", "bold red")


if __name__ == "__main__":
    sys.exit(main())
