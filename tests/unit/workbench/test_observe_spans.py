from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from workbench.observe import ObserveError
from workbench.observe.spans import by_id, last, read_spans, read_trace, slowest, trace_files

if TYPE_CHECKING:
    from pathlib import Path

SLOW, NEW = "aa" * 16, "ab" * 16


def line(trace_id: str, span_id: str, start: int, end: int, **changes: Any) -> str:
    span: dict[str, Any] = {
        "trace_id": trace_id, "span_id": span_id, "parent_span_id": None, "service": "gateway", "name": "POST /rank",
        "kind": "server", "start_unix_ns": start, "end_unix_ns": end, "status": "unset", "attributes": {},
    }  # fmt: skip
    return json.dumps(span | changes) + "\n"


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    path = tmp_path / "1" / "traces.jsonl"
    path.parent.mkdir()
    path.write_text(
        line(SLOW, "2", 1100, 1200, parent_span_id="1")
        + line(SLOW, "1", 1000, 1900)
        + line(NEW, "3", 5000, 5100)
        + '{"trace_id": "cut of'
    )
    return path


def test_the_slowest_trace_is_the_one_with_the_longest_span(traces: Path) -> None:
    assert slowest(read_spans(traces)) == SLOW


def test_the_last_trace_is_the_one_that_ended_last(traces: Path) -> None:
    assert last(read_spans(traces)) == NEW


def test_a_trace_has_all_its_spans_earliest_first(traces: Path) -> None:
    assert [span.span_id for span in read_trace([traces], slowest)] == ["1", "2"]


def test_a_parent_comes_before_the_child_that_starts_with_it(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(line(NEW, "2", 10, 20, parent_span_id="1") + line(NEW, "1", 10, 90))
    assert [span.span_id for span in read_trace([path], last)] == ["1", "2"]


def test_a_trace_is_found_by_the_beginning_of_its_id_in_either_case(traces: Path) -> None:
    assert by_id("ABAB")(read_spans(traces)) == NEW


def test_a_prefix_of_two_traces_asks_for_more_digits(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(line("abcd" + "0" * 28, "1", 1, 2) + line("abcd" + "1" * 28, "1", 1, 2))
    with pytest.raises(ObserveError, match=r"^trace id abcd: 2 traces begin so; give more digits$"):
        read_trace([path], by_id("abcd"))


def test_an_unknown_id_says_which_traces_are_kept(traces: Path) -> None:
    with pytest.raises(ObserveError, match=r"^trace id ffff: not among the 2 traces kept; kept are requests that"):
        read_trace([traces], by_id("ffff"))


@pytest.mark.parametrize("text", ["abc", "xyz1", "0" * 33, ""])
def test_what_is_no_trace_id_is_refused(text: str) -> None:
    with pytest.raises(ObserveError, match=r"expected 4 to 32 hexadecimal digits, as in the header x-trace-id$"):
        by_id(text)


def test_without_a_file_the_remedy_names_the_level(tmp_path: Path) -> None:
    with pytest.raises(ObserveError, match=r"1/traces\.jsonl: no such file; run `make up-1`, then .*`make sla-1`"):
        read_trace(trace_files(tmp_path / "1"), slowest)


@pytest.mark.parametrize("chooser", [slowest, last, by_id("abcd")])
def test_an_empty_trace_file_gets_the_remedy_of_a_missing_one(tmp_path: Path, chooser: Any) -> None:
    path = tmp_path / "3" / "traces.jsonl"
    path.parent.mkdir()
    path.touch()
    with pytest.raises(
        ObserveError, match=r"3/traces\.jsonl: no trace in it; run `make up-3`, then .*traceparent: 00-"
    ):
        read_trace([path], chooser)


def test_a_trace_is_put_together_from_the_files_of_several_processes(tmp_path: Path) -> None:
    (tmp_path / "traces-gateway-0.jsonl").write_text(line(SLOW, "1", 1000, 1900) + line(NEW, "9", 10, 20))
    (tmp_path / "traces-gateway-1.jsonl").write_text(line(SLOW, "2", 1100, 1200, parent_span_id="1"))
    assert [span.span_id for span in read_trace(trace_files(tmp_path), slowest)] == ["1", "2"]
