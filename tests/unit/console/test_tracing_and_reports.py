"""Traces, log lines and reports as the console's pages get them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from workbench.console.reports import Shelf, compared
from workbench.console.tracing import bars, lines_of, query, traces
from workbench.observe.errors import ObserveError

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000
BEGAN = 1_700_000_000 * 10**9


def span(trace: int, number: int, parent: int, ms: tuple[float, float], status: str = "unset") -> dict[str, Any]:
    start, took = ms
    return {
        "trace_id": f"{trace:032x}",
        "span_id": f"{number:016x}",
        "parent_span_id": f"{parent:016x}" if parent else None,
        "service": "api",
        "name": f"step {number}",
        "kind": "server",
        "start_unix_ns": BEGAN + int(start * MS),
        "end_unix_ns": BEGAN + int((start + took) * MS),
        "status": status,
        "attributes": {},
    }


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A level's folder with three traces: a slow one of two spans, one that failed, a late one."""
    spans = [
        span(1, 1, 0, (0, 100)),
        span(1, 2, 1, (25, 50)),
        span(2, 3, 0, (500, 10), "error"),
        span(3, 4, 0, (60_000, 5)),
    ]
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(each) + "\n" for each in spans))
    line = {"@timestamp": "2023-11-14T22:13:20Z", "log.level": "info", "message": "answered", "trace.id": f"{1:032x}"}
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "api.log").write_text(json.dumps(line) + "\n")
    return tmp_path


@pytest.mark.parametrize(("order", "expected"), [("slowest", [1, 2, 3]), ("newest", [3, 2, 1]), ("failed", [2])])
def test_traces_are_listed_in_the_order_asked_for(run_dir: Path, order: str, expected: list[int]) -> None:
    assert [int(each.trace_id, 16) for each in traces(run_dir, order)] == expected


def test_the_traces_of_a_moment_are_those_that_began_about_then(run_dir: Path) -> None:
    found = traces(run_dir, "newest", at=BEGAN / 1e9 + 60)
    assert [(int(each.trace_id, 16), each.name, each.failed) for each in found] == [(3, "api step 4", False)]


def test_a_waterfalls_bars_lie_where_the_spans_were(run_dir: Path) -> None:
    assert [(bar.span.name, bar.depth, bar.left, bar.width) for bar in bars(run_dir, f"{1:032x}")] == [
        ("step 1", 0, 0.0, 1.0),
        ("step 2", 1, 0.25, 0.5),
    ]


def test_a_trace_that_is_not_kept_is_an_error(run_dir: Path) -> None:
    with pytest.raises(ObserveError, match="not among the 3 traces kept"):
        bars(run_dir, f"{9:032x}")


def test_a_trace_has_its_log_lines(run_dir: Path) -> None:
    answer = lines_of(run_dir, f"{1:032x}")
    assert answer.columns == ["ts", "process", "level", "message"]
    assert [row[1:] for row in answer.rows] == [("api", "info", "answered")]


@pytest.mark.parametrize("sql", ["select nonsense", "copy logs to 'x.csv'", ""])
def test_a_query_that_cannot_be_answered_says_why(run_dir: Path, sql: str) -> None:
    answer = query(run_dir, sql)
    assert answer.rows == []
    assert answer.problem


def test_no_level_no_traces(tmp_path: Path) -> None:
    assert traces(tmp_path, "newest") == []
    assert "no logs yet" in query(tmp_path, "select 1").problem


def test_each_run_of_a_report_is_kept_once(tmp_path: Path) -> None:
    report, shelf = tmp_path / "sla" / "1.json", Shelf(tmp_path, tmp_path / "kept")
    report.parent.mkdir()
    for number, p99 in enumerate((5.0, 6.0)):
        report.write_text(json.dumps({"p99_ms": p99, "verdict": "met", "rounds": [1, 2]}))
        os.utime(report, (1_700_000_000 + number, 1_700_000_000 + number))
        shelf.collect()
        shelf.collect()
    (name,) = shelf.reports()
    newest, oldest = shelf.reports()[name]
    assert name == "sla 1"
    assert compared(shelf.read(name, oldest), shelf.read(name, newest)) == [
        ("p99_ms", "5", "6", "+20.0%"),
        ("verdict", "met", "met", ""),
        ("rounds[0]", "1", "1", ""),
        ("rounds[1]", "2", "2", ""),
    ]


def test_only_a_run_that_is_kept_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    assert Shelf(tmp_path, tmp_path / "kept").read("..", "secret") == {}
