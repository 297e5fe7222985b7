from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from workbench.observe.spans import Span
from workbench.observe.waterfall import draw, nest

MS = 1_000_000


def span(span_id: str, parent: str | None, start_ms: float, end_ms: float, **changes: Any) -> Span:
    fields: dict[str, Any] = {
        "trace_id": "ab" * 16, "span_id": span_id, "parent_span_id": parent, "service": "gateway", "name": span_id,
        "kind": "internal", "start_unix_ns": int(start_ms * MS), "end_unix_ns": int(end_ms * MS), "status": "unset",
        "attributes": {},
    }  # fmt: skip
    return Span(**fields | changes)


def drawn(*spans: Span, width: int = 120) -> list[str]:
    out = StringIO()
    draw(spans, Console(file=out, width=width))
    return out.getvalue().splitlines()


def rows(*spans: Span, width: int = 120) -> dict[str, str]:
    return {line.split()[0]: line for line in drawn(*spans, width=width)[3:] if line.strip()}


def test_children_follow_their_parent_by_start_and_are_indented() -> None:
    spans = [span("root", None, 0, 10), span("b", "root", 5, 9), span("a", "root", 1, 4), span("a1", "a", 2, 3)]
    ordered = sorted(spans, key=lambda each: each.start_unix_ns)
    assert [(each.span_id, depth) for each, depth in nest(ordered)] == [("root", 0), ("a", 1), ("a1", 2), ("b", 1)]


def test_a_span_whose_parent_is_in_another_file_is_a_root() -> None:
    assert [depth for _, depth in nest([span("here", "elsewhere", 0, 1)])] == [0]


def test_a_loop_of_parents_is_cut_and_every_span_still_shown_once() -> None:
    spans = [span("a", "b", 0, 1), span("b", "a", 0, 1), span("c", None, 0, 1)]
    assert sorted(each.span_id for each, _ in nest(spans)) == ["a", "b", "c"]


def test_the_headline_says_duration_spans_services_and_failures() -> None:
    root = span("root", None, 0, 12.5, attributes={"http.route": "/rank", "serving.model": ""}, name="POST /rank")
    lines = drawn(root, span("redis", "root", 1, 2, service="cache", status="error"))
    assert lines[0].startswith(f"trace {'ab' * 16}  ")
    assert lines[0].endswith("12.500 ms  2 spans of gateway, cache  1 failed")
    assert lines[1] == "  POST /rank  http.route=/rank"


def test_times_are_relative_to_the_begin_of_the_trace_in_ms() -> None:
    found = rows(span("root", None, 1000, 1020), span("child", "root", 1005, 1007.25))
    assert found["root"].split()[2:4] == ["0.000", "20.000"]
    assert found["child"].split()[1:3] == ["5.000", "2.250"]


@pytest.mark.parametrize("width", [60, 120, 300])
def test_bars_are_to_scale(width: int) -> None:
    found = rows(span("root", None, 0, 100), span("half", "root", 50, 100), span("blip", "root", 50, 50), width=width)
    whole = found["root"].count("█")
    assert found["half"].count("█") * 2 == whole
    assert found["half"].index("█") - found["root"].index("█") == whole / 2
    assert "▏" in found["blip"]


def test_the_status_of_a_failed_span_is_shown() -> None:
    assert rows(span("root", None, 0, 1, status="error"))["root"].rstrip().endswith("error")


def test_a_trace_of_no_duration_is_drawn_all_the_same() -> None:
    assert "▏" in rows(span("root", None, 7, 7))["root"]


def test_a_huge_trace_is_cut_and_says_how_much_is_missing() -> None:
    lines = drawn(*[span(f"request{number}", None, number, number + 1) for number in range(450)], width=200)
    assert sum("request" in line and "%" not in line for line in lines) == 5 + 200
    assert lines[-1] == '… and 250 more; `make query-N SQL="from spans where …"` has them all'
