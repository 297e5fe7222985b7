from __future__ import annotations

import errno
import json
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

import servekit.audit
from servekit.audit import (
    AuditBacklogError,
    AuditError,
    AuditLockedError,
    AuditLog,
    AuditLossError,
    AuditSealError,
    AuditSettings,
    verify,
)
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from pathlib import Path


def settings(folder: Path, **overrides: Any) -> AuditSettings:
    return AuditSettings(dir=folder, **{"flush_interval_s": 60, **overrides})


def record(log: AuditLog, decision: str = "setosa", times: int = 1) -> None:
    for number in range(times):
        log.record(
            request_id=f"r{number}",
            model="iris",
            version="1",
            input_digest=log.digest(b"in"),
            output_digest=log.digest(b"out"),
            decision=decision,
            latency_s=0.002,
        )


class Watch:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.heads: list[tuple[str, int, str]] = []

    def audit_waiting(self, size: int) -> None:
        self.waiting.append(size)

    def audit_head(self, writer: str, seq: int, mark: str) -> None:
        self.heads.append((writer, seq, mark))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_a_line_holds_what_was_recorded_and_its_place_in_the_chain(tmp_path: Path) -> None:
    with AuditLog(settings(tmp_path)) as log:
        record(log)
        assert log.head[0] == 2
    opened, line = lines(tmp_path)
    assert (opened["kind"], opened["writer"], opened["prev"], opened["head"]) == ("opened", "worker-0", "0" * 64, "new")
    assert line == {
        "kind": "prediction",
        "seq": 2,
        "time": line["time"],
        "request_id": "r0",
        "model": "iris",
        "version": "1",
        "input_digest": servekit.audit.digest(b"in"),
        "output_digest": servekit.audit.digest(b"out"),
        "decision": "setosa",
        "latency_s": 0.002,
        "prev": opened["hash"],
        "hash": log.head[1],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])


@pytest.mark.parametrize("recorded", [0, 5])
def test_the_ten_lines_of_the_documentation_verify_a_log_and_find_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: int
) -> None:
    with AuditLog(settings(tmp_path, max_bytes=1024), "W") as log:
        record(log, times=recorded)
    code = re.search(r"^    import glob.*?(?=\n\n)", servekit.audit.__doc__ or "", re.DOTALL | re.MULTILINE)
    assert code
    assert code[0].count("\n") <= 10
    program = compile("\n".join(line[4:] for line in code[0].splitlines()), "documentation", "exec")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.open", lambda path, _: (tmp_path / path).read_bytes().splitlines(keepends=True))
    exec(program, {})  # noqa: S102 - the documentation is under test
    first = tmp_path / "W.000001.jsonl"
    first.write_bytes(first.read_bytes().replace(b'"W"', b'"V"'))
    with pytest.raises(AssertionError, match=r"W\.000001\.jsonl:1: changed"):
        exec(program, {})  # noqa: S102 - as above


def test_a_restart_goes_on_with_the_chain(tmp_path: Path) -> None:
    for _ in range(3):
        with AuditLog(settings(tmp_path)) as log:
            record(log, times=2)
    assert [line["seq"] for line in lines(tmp_path)] == list(range(1, 10))
    assert verify(tmp_path).problems == []
    assert verify(tmp_path).writers[0].head == log.head


def test_rotation_carries_the_chain_into_the_next_file(tmp_path: Path) -> None:
    with AuditLog(settings(tmp_path, max_bytes=2000)) as log:
        record(log, times=30)
    paths = sorted(tmp_path.glob("*.jsonl"))
    assert len(paths) >= 4
    assert all(path.stat().st_size < 3000 for path in paths)
    last = json.loads(paths[0].read_bytes().splitlines()[-1])
    first = json.loads(paths[1].read_bytes().splitlines()[0])
    assert (first["kind"], first["reason"], first["file"], first["prev"]) == ("opened", "rotation", 2, last["hash"])
    assert verify(tmp_path).problems == []


def test_lines_are_written_when_their_time_is_up(tmp_path: Path) -> None:
    with AuditLog(settings(tmp_path, flush_interval_s=0.01)) as log:
        record(log)
        wait_for_lines(tmp_path, 2)


def test_lines_are_written_when_they_are_many(tmp_path: Path) -> None:
    with AuditLog(settings(tmp_path, flush_bytes=1000)) as log:
        record(log)
        assert len(lines(tmp_path)) == 1
        record(log, times=9)
        wait_for_lines(tmp_path, 2)


def wait_for_lines(folder: Path, count: int) -> None:
    until(lambda: len(lines(folder)) >= count, f"{count} lines in {folder}")


@pytest.mark.parametrize("fsync", ["never", "flush", "record"])
def test_with_fsync_record_the_line_is_on_the_disk_when_record_returns(tmp_path: Path, fsync: str) -> None:
    with AuditLog(settings(tmp_path, fsync=fsync)) as log:
        record(log)
        assert len(lines(tmp_path)) == (2 if fsync == "record" else 1)
    assert verify(tmp_path).problems == []


def test_eight_threads_make_one_sound_chain(tmp_path: Path) -> None:
    with AuditLog(settings(tmp_path, max_bytes=20_000, flush_bytes=500, flush_interval_s=0.001)) as log:
        threads = [threading.Thread(target=record, args=(log, f"thread {n}", 200)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert verify(tmp_path).problems == []
    assert sum(line["kind"] == "prediction" for line in lines(tmp_path)) == 1600


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    with (
        AuditLog(settings(tmp_path), "api"),
        pytest.raises(
            AuditLockedError, match=rf"^audit log .*/api: written by pid {os.getpid()} \(.*\) since 20.*; each process"
        ),
    ):
        AuditLog(settings(tmp_path), "api")
    AuditLog(settings(tmp_path), "api").close()


def test_workers_without_a_name_get_a_file_each_and_come_back_to_it(tmp_path: Path) -> None:
    with AuditLog(settings(tmp_path)) as first, AuditLog(settings(tmp_path)) as second:
        assert (first.writer, second.writer) == ("worker-0", "worker-1")
    with AuditLog(settings(tmp_path)) as again:
        assert again.writer == "worker-0"
    assert [report.problems for report in verify(tmp_path).writers] == [[], []]


def test_a_writer_name_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"^audit writer '\.\./x': expected 1 to 64 letters, digits, _ or -$"):
        AuditLog(settings(tmp_path), "../x")


def test_a_key_that_comes_or_goes_is_refused_and_the_lock_released(tmp_path: Path) -> None:
    AuditLog(settings(tmp_path)).close()
    for _ in range(2):
        with pytest.raises(AuditSealError, match="sealed with sha256, AUDIT_KEY asks for hmac-sha256; keep the key"):
            AuditLog(settings(tmp_path, key=SecretStr("secret")), "worker-0")
    AuditLog(settings(tmp_path), "worker-0").close()


def test_a_closed_log_takes_nothing_and_closes_twice(tmp_path: Path) -> None:
    log = AuditLog(settings(tmp_path))
    log.close()
    log.close()
    with pytest.raises(AuditError, match="worker-0: closed, no more answers can be recorded"):
        record(log)


def test_a_full_disk_keeps_the_lines_refuses_more_and_recovers_without_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with AuditLog(settings(tmp_path, max_bytes=1500, backlog_bytes=3000)) as log:
        monkeypatch.setattr("servekit.audit.file.os.write", half_then_full(write))
        for _ in range(3):
            record(log)
            with pytest.raises(OSError, match="No space left"):
                log.flush()
        with pytest.raises(AuditBacklogError, match=r"bytes wait for the disk \(.*No space left.*\); make room"):
            record(log, times=20)
        monkeypatch.undo()
        record_count = log.head[0]
        log.flush()
        record(log, times=5)
    assert verify(tmp_path).problems == []
    assert verify(tmp_path).writers[0].head[0] > record_count


def test_the_first_failed_write_is_logged_once_and_who_watches_is_told_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch()
    told = watch.waiting
    with AuditLog(settings(tmp_path)) as log:
        log.watch(watch)
        monkeypatch.setattr("servekit.audit.file.os.write", full)
        for _ in range(2):
            record(log)
            with pytest.raises(OSError, match="No space left"):
                log.flush()
        monkeypatch.undo()
        log.flush()
        log.flush()
    assert told[0] == told[3] == 0 < told[1] < told[2]
    first, second = (entry.getMessage() for entry in caplog.records)
    assert first.startswith(f"audit log {tmp_path}/worker-0: No space left on device; {told[1]} bytes wait")
    assert second == f"audit log {tmp_path}/worker-0: written again, no line is lost"


def test_who_watches_is_told_of_each_head_that_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    with AuditLog(settings(tmp_path)) as log:
        log.watch(watch)
        record(log, times=2)
        monkeypatch.setattr("servekit.audit.file.os.write", full)
        with pytest.raises(OSError, match="No space left"):
            log.flush()
        monkeypatch.undo()
        log.flush()
    written = [("worker-0", line["seq"], line["hash"]) for line in lines(tmp_path)]
    assert watch.heads == [written[0], written[2]]


def test_with_fsync_record_nothing_is_taken_while_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AuditLog(settings(tmp_path, fsync="record")) as log:
        monkeypatch.setattr("servekit.audit.file.os.write", full)
        for _ in range(3):
            with pytest.raises(AuditBacklogError, match="No space left"):
                record(log)
            with pytest.raises(AuditBacklogError, match="No space left"):
                log.check()
        assert log.head[0] == 2
        monkeypatch.undo()
        log.flush()
        log.check()
        record(log)
    assert verify(tmp_path).problems == []


def test_lines_lost_at_the_end_are_counted_then_missed_even_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(settings(tmp_path))
    record(log, times=8)
    log.flush()
    record(log, times=52)
    monkeypatch.setattr("servekit.audit.file.os.write", full)
    monkeypatch.setattr("pathlib.Path.write_bytes", full)  # nor is there room for a second head
    with pytest.raises(AuditLossError, match=r"worker-0: 52 lines are lost, seq 10 to 61: No space left on device$"):
        log.close()
    monkeypatch.undo()
    assert [str(problem) for problem in verify(tmp_path).problems] == [
        "worker-0.000001.jsonl:10: truncated: the head knows seq 10 to 61 are missing"
    ]
    AuditLog(settings(tmp_path)).close()
    assert [str(problem) for problem in verify(tmp_path).problems] == [
        "worker-0.000001.jsonl:10: dropped: seq 10 to 61 are missing before this line"
    ]


@pytest.mark.parametrize("fault", ["servekit.audit.file.os.write", "pathlib.Path.write_bytes"])
def test_a_log_that_cannot_be_begun_names_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(fault, full)
    with pytest.raises(AuditError, match=rf"^audit log {tmp_path}(/worker-0)?: No space left on device; make room"):
        AuditLog(settings(tmp_path))
    monkeypatch.undo()
    AuditLog(settings(tmp_path), "worker-0").close()


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_then_full(write: Any) -> Any:
    def fail(file: int, data: memoryview) -> int:
        if len(data) > 150:
            return int(write(file, data[:100]))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return fail


def test_the_thread_outlives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def fail(*_: object) -> int:
        failed.set()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with AuditLog(settings(tmp_path, flush_interval_s=0.01)) as log:
        monkeypatch.setattr("servekit.audit.file.os.write", fail)
        record(log)
        assert failed.wait(GENEROUS_S)
        monkeypatch.undo()
        wait_for_lines(tmp_path, 2)


def test_settings_come_from_the_environment_and_hide_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", "hunter2")
    monkeypatch.setenv("AUDIT_FSYNC", "record")
    loaded = AuditSettings()
    assert loaded.fsync == "record"
    assert "hunter2" not in repr(loaded)
