"""What the gate decided and what was measured, for people and for machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from servekit.json_file import write_json
from shop.optimize.table import BATCHES, Row
from shop.optimize.version import OPTIMISED
from workbench.hardware import HardwareStamp, describe
from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from shop.optimize.attempt import Attempt, Outcome

__all__ = ["Report", "print_report", "verdict_lines"]


@dataclass(frozen=True)
class Report:
    """A run of ``make optimize-3``.

    Attributes:
        outcomes: of each model.
        shipped: versions that now exist because of it, by model: the form's name.
        rows: of the table; none were measured in a quick run.
        hardware: what it was measured on.
        tensorrt: why there are no rows of TensorRT, if there are none.
    """

    outcomes: tuple[Outcome, ...]
    shipped: dict[str, str]
    rows: tuple[Row, ...]
    hardware: HardwareStamp
    tensorrt: str | None

    def write(self, path: Path) -> None:
        """Writes the report to a file as JSON."""
        models = {each.model: _figures(each, self.shipped.get(each.model)) for each in self.outcomes}
        content = {
            "hardware": self.hardware,
            "models": models,
            "table": [asdict(row) for row in self.rows],
            "tensorrt": self.tensorrt or "measured",
        }
        write_json(path, content)


def verdict_lines(outcome: Outcome, shipped: str | None) -> Iterator[str]:
    """A line for each form that was tried, with what was bad of it; the gate's word on the chosen one; the outcome."""
    for attempt in outcome.attempts:
        tried, faster = attempt.tried, attempt.tried.speed_up
        figures = ", ".join(f"{name} {loss.after:.4f} ({-loss.lost:+.4f})" for name, loss in tried.losses.items())
        speed = f"{faster.median:.2f}× FP32 at batch {outcome.batch} ({faster.low:.2f}–{faster.high:.2f})"
        word = "chosen" if attempt is outcome.candidate else "left"
        yield f"{outcome.model:<16}{tried.form:<13}{word:<7}  {speed}; {figures}"
        yield from (f"{'':<38}{reason}" for reason in tried.reasons)
    verdict = outcome.verdict
    figures = ", ".join(
        f"{name} {loss.after:.4f} ({-loss.lost:+.4f}, at worst {-loss.at_most:+.4f})"
        for name, loss in verdict.losses.items()
    )
    of = next(iter(verdict.losses.values())).of
    word = "passed" if verdict.passed else "refused"
    yield f"{outcome.model:<16}{verdict.form:<13}{word:<7}  on {of} of the test period: {figures}"
    yield from (f"{'':<38}{reason}" for reason in verdict.reasons)
    if shipped is None:
        yield f"{outcome.model:<16}no version {OPTIMISED}: the gate refused it"
    else:
        forced = "" if verdict.passed else ", in spite of the gate"
        yield f"{outcome.model:<16}version {OPTIMISED} is INT8 {shipped}{forced}"


def print_report(console: Console, report: Report) -> None:
    """The verdicts, the table where it was measured, and the machine."""
    for outcome in report.outcomes:
        for line in verdict_lines(outcome, report.shipped.get(outcome.model)):
            console.print(line, markup=False, soft_wrap=True)
    if report.rows:
        console.print()
        console.print(_table(console, report.rows))
        console.print("µs a request, median, one thread on one core; * is the batch that the model is served with")
        if report.tensorrt:
            console.print(f"TensorRT FP16, INT8: not measured here: {report.tensorrt}")
    console.print(describe(report.hardware), style="dim", soft_wrap=True)


def _table(console: Console, rows: Sequence[Row]) -> Any:
    table = make_table(
        console, "model", "runs as", *(f"batch {batch}" for batch in BATCHES), "size", "quality", numbers=range(2, 6)
    )
    model = ""
    for row in rows:
        latencies = [_latency(row, batch) for batch in BATCHES]
        quality = " ".join(f"{name} {value:.4f}" for name, value in row.quality.items())
        size = "" if row.size is None else f"{row.size / 1e6:.2f} MB"
        table.add_row(row.model if row.model != model else "", row.runs_as, *latencies, size, row.note or quality)
        model = row.model
    return table


def _latency(row: Row, batch: int) -> str:
    if batch not in row.latency_us:
        return ""
    star = "*" if row.served == batch else " "
    return f"{row.latency_us[batch]:,.1f}{star}"


def _figures(outcome: Outcome, shipped: str | None) -> dict[str, Any]:
    return {
        "serving_batch": outcome.batch,
        "fp32": {name: round(loss.before, 5) for name, loss in outcome.verdict.losses.items()},
        "version_2": shipped,
        "gate": asdict(outcome.verdict),
        "forms": [_attempt(attempt) for attempt in outcome.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    batch_us = round(attempt.latencies.candidate_median, 2)
    return {**asdict(attempt.tried), "batch_us": batch_us, "bytes": len(attempt.content)}
