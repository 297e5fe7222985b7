from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from servekit.telemetry.logs import RequestLog
from servekit.telemetry.record import RequestRecord
from tests.patience import async_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEAKER = """
import logging, warnings
from servekit.telemetry import configure_logging
configure_logging("shop", "INFO")
log = logging.getLogger("shop.cache")
log.debug("too quiet")
log.info("warm %d entries", 3)
warnings.warn("planted", UserWarning)
logging.getLogger("uvicorn.error").info("Started server process")
try:
    raise ValueError("planted")
except ValueError:
    log.exception("refresh failed")
"""


@contextlib.contextmanager
def a_pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    try:
        yield read, write
    finally:
        for descriptor in (read, write):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def received(read: int) -> list[dict[str, Any]]:
    with contextlib.suppress(BlockingIOError):
        return [msgspec.json.decode(line) for line in os.read(read, 1 << 20).splitlines()]
    return []


def one_event(log: RequestLog, route: str = "/predict", code: int = 200) -> None:
    log.write(RequestRecord(None, 0), "POST", route, code, 1500)


async def test_a_batch_leaves_by_itself_a_moment_later() -> None:
    with a_pipe() as (read, write):
        log = RequestLog("shop", write)
        for _ in range(3):
            one_event(log)
            log.flush_soon()
        assert received(read) == []
        events: list[dict[str, Any]] = []

        def arrived(count: int) -> bool:
            events.extend(received(read))
            return len(events) >= count

        await async_until(lambda: arrived(3), "three events")
        assert len(events) == 3
        one_event(log)
        log.flush_soon()  # the next batch has a timer of its own
        await async_until(lambda: arrived(4), "the fourth event")
        assert len(events) == 4


def test_a_large_batch_leaves_at_once(tmp_path: Path) -> None:
    with (tmp_path / "events").open("wb") as file:
        log = RequestLog("shop", file.fileno())
        written = 0
        while not (tmp_path / "events").stat().st_size:
            one_event(log, "/predict" + "x" * 1000)
            written += 1
            assert written < 100
    assert written > 20  # 64 kB of events a little over 2 kB
    assert len((tmp_path / "events").read_bytes().splitlines()) == written


def test_flush_empties_the_buffer_once() -> None:
    with a_pipe() as (read, write):
        log = RequestLog("shop", write)
        one_event(log)
        log.flush()
        log.flush()
        assert len(received(read)) == 1


async def test_flush_leaves_no_timer_behind() -> None:
    with a_pipe() as (_, write):
        log = RequestLog("shop", write)
        one_event(log)
        log.flush_soon()
        timer = log._timer
        log.flush()
        assert timer is not None
        assert timer.cancelled()


def test_a_log_that_nobody_reads_any_more_fails_no_request() -> None:
    with a_pipe() as (read, write):
        log = RequestLog("shop", write)
        os.close(read)
        one_event(log)
        log.flush()
        one_event(log)
        log.flush()


def test_events_have_the_time_at_which_their_request_began() -> None:
    with a_pipe() as (read, write):
        log = RequestLog("shop", write)
        moments = [1_700_000_000_000, 1_700_000_000_999, 1_700_000_001_000, 1_699_999_999_007]
        for moment in moments:
            record = RequestRecord(None, 0)
            record.started_unix_ns = moment * 1_000_000 + 999_999
            log.write(record, "POST", "/predict", 200, 1500)
        log.flush()
        events = received(read)
    assert [event["@timestamp"] for event in events] == [
        datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds") for moment in moments
    ]


def test_the_server_s_own_failures_are_errors_and_the_caller_s_are_not() -> None:
    with a_pipe() as (read, write):
        log = RequestLog("shop", write)
        for code in (200, 404, 499, 500, 503):
            one_event(log, code=code)
        log.flush()
        levels = [event["log.level"] for event in received(read)]
    assert levels == ["info", "info", "info", "error", "error"]


def test_names_are_escaped_as_json_demands() -> None:
    with a_pipe() as (read, write):
        log = RequestLog('the "shop"', write)
        one_event(log, '/a"b\\%d\n')
        log.flush()
        (event,) = received(read)
    assert event["service.name"] == 'the "shop"'
    assert event["http.route"] == '/a"b\\%d\n'


def test_the_service_s_own_lines_are_ecs_json(tmp_path: Path) -> None:
    speaker = tmp_path / "speaker.py"
    speaker.write_text(SPEAKER)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, str(speaker)], env=environment, check=True, timeout=60, capture_output=True, text=True
    )
    lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert [(line["log.level"], line["log"]["logger"]) for line in lines] == [
        ("info", "shop.cache"),
        ("warning", "py.warnings"),
        ("error", "shop.cache"),
    ]
    assert all(line["service"]["name"] == "shop" and line["ecs.version"] for line in lines)
    assert lines[0]["message"] == "warm 3 entries"
    assert "planted" in lines[1]["message"]
    assert lines[2]["error"]["type"] == "ValueError"
    assert 'raise ValueError("planted")' in lines[2]["error"]["stack_trace"]
