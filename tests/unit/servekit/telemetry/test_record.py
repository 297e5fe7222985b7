from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servekit.telemetry.record import RequestRecord, format_traceparent, parse_traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
IDS = int(TRACE, 16), int(SPAN, 16)


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # further flags are none of our business
        (f"cc-{TRACE}-{SPAN}-01", True),  # a later version may look the same
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
    ],
)
def test_a_caller_s_context_is_read(header: str, sampled: bool) -> None:  # noqa: FBT001
    assert parse_traceparent(header.encode()) == (*IDS, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "hello",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",  # version 00 has four fields
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01more",
        f"ff-{TRACE}-{SPAN}-01",  # the one version that will never be
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"0g-{TRACE}-{SPAN}-01",
        f"00-0x{TRACE[2:]}-{SPAN}-01",
    ],
)
def test_what_is_not_a_context_starts_a_new_trace(header: str) -> None:
    assert parse_traceparent(header.encode()) is None
    record = RequestRecord(header.encode(), 0)
    assert record.trace_id not in (0, IDS[0])
    assert record.parent_id == 0


@given(st.binary())
def test_arbitrary_bytes_are_read_or_refused(header: bytes) -> None:
    found = parse_traceparent(header)
    assert found is None or header[2:53].decode() in format_traceparent(*found[:2], sampled=found[2])


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_a_context_survives_the_header(trace_id: int, span_id: int, sampled: bool) -> None:  # noqa: FBT001
    header = format_traceparent(trace_id, span_id, sampled=sampled)
    assert parse_traceparent(header.encode()) == (trace_id, span_id, sampled)


def test_a_downstream_call_is_a_child_of_this_request() -> None:
    record = RequestRecord(f"00-{TRACE}-{SPAN}-01".encode(), 0)
    assert parse_traceparent(record.traceparent.encode()) == (IDS[0], record.span_id, True)
    assert (record.trace_id, record.parent_id) == IDS
    assert record.span_id != IDS[1]


def test_the_caller_decides_whether_its_trace_is_kept() -> None:
    assert RequestRecord(f"00-{TRACE}-{SPAN}-01".encode(), 0).sampled
    assert not RequestRecord(f"00-{TRACE}-{SPAN}-00".encode(), 1).sampled


def test_the_ratio_decides_for_a_trace_that_starts_here() -> None:
    kept = sum(RequestRecord(None, 0.25).sampled for _ in range(4000))
    assert 850 < kept < 1150  # five standard deviations around 1000
    assert all(RequestRecord(None, 1).sampled for _ in range(100))
    assert not any(RequestRecord(None, 0).sampled for _ in range(100))


def test_laps_follow_each_other_on_the_monotonic_clock() -> None:
    record = RequestRecord(None, 0)
    for step in ("decode", "infer", "encode"):
        record.mark(step)
    times = [record.started_ns, *(end for _, end in record.marks)]
    assert [step for step, _ in record.marks] == ["decode", "infer", "encode"]
    assert times == sorted(times)


def test_a_forked_process_makes_ids_of_its_own() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"%032x" % RequestRecord(None, 0).trace_id)
        os._exit(0)
    os.waitpid(child, 0)
    ours = RequestRecord(None, 0).trace_id
    assert int(os.read(read, 32), 16) != ours
    os.close(read)
    os.close(write)
