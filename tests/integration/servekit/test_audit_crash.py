from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from servekit.audit import AuditLog, AuditSettings, verify
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITER = """
import sys, time
from pathlib import Path
from servekit.audit import AuditLog, AuditSettings

log = AuditLog(AuditSettings(dir=Path(sys.argv[1]), max_bytes=200_000, flush_interval_s=0.002, fsync=sys.argv[2]))
for number in range(10**9):
    log.record(request_id=str(number), model="iris", version="1", input_digest="0" * 32, output_digest="1" * 32,
               decision="setosa", latency_s=0.001)
    time.sleep(0.0002)
    if sys.argv[2] == "record":
        print(number, flush=True)
"""
COMMAND = [sys.executable, "-m", "workbench.audit", "verify"]


@contextmanager
def writing(folder: Path, fsync: str = "never") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(folder), fsync]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_written(folder: Path, size: int) -> None:
    until(lambda: sum(path.stat().st_size for path in folder.glob("*.jsonl")) >= size, f"{size} bytes in {folder}")


def go_on(folder: Path) -> None:
    with AuditLog(AuditSettings(dir=folder)) as log:
        assert log.writer == "worker-0"


@pytest.mark.parametrize("size", [20_000, 300_000])
def test_a_killed_writer_leaves_a_chain_that_verifies_before_and_after_the_restart(tmp_path: Path, size: int) -> None:
    for _ in range(2):
        with writing(tmp_path):
            wait_until_written(tmp_path, size)
        assert verify(tmp_path).problems == []
    go_on(tmp_path)
    assert verify(tmp_path).problems == []
    assert subprocess.run([*COMMAND, str(tmp_path)], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_with_fsync_record_a_killed_writer_loses_nothing_it_answered(tmp_path: Path) -> None:
    with writing(tmp_path, "record") as process:
        assert process.stdout
        answered = [int(process.stdout.readline()) for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        answered += [int(line) for line in process.stdout]
    logged = {
        json.loads(line).get("request_id")
        for path in tmp_path.glob("*.jsonl")
        for line in path.read_bytes().splitlines()
    }
    assert {str(number) for number in answered} <= logged
    assert verify(tmp_path).problems == []


def test_a_line_cut_off_by_a_crash_is_moved_aside_and_the_chain_goes_on(tmp_path: Path) -> None:
    go_on(tmp_path)
    path = tmp_path / "worker-0.000001.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind":"prediction","seq":2,"ti')
    (report,) = verify(tmp_path).writers
    assert report.problems == []
    assert report.files[0].notes == ["line 2 torn, 32 bytes: never flushed, the next start moves them aside"]
    go_on(tmp_path)
    (report,) = verify(tmp_path).writers
    assert report.problems == []
    assert report.files[0].notes == ["seq 2: 32 torn bytes moved aside after a crash"]
    assert path.with_suffix(".jsonl.torn").read_bytes() == b'{"kind":"prediction","seq":2,"ti\n'


def test_a_file_of_which_no_line_reached_the_disk_goes_on_with_the_one_before(tmp_path: Path) -> None:
    go_on(tmp_path)
    (tmp_path / "worker-0.000002.jsonl").write_bytes(bytes(100) + b"\n" + bytes(50))
    go_on(tmp_path)
    (report,) = verify(tmp_path).writers
    assert report.problems == []
    assert [file.lines for file in report.files] == [1, 1]


def test_lines_the_disk_lost_after_the_head_was_written_stay_on_record(tmp_path: Path) -> None:
    for _ in range(3):
        go_on(tmp_path)
    path = tmp_path / "worker-0.000001.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    go_on(tmp_path)
    (problem,) = verify(tmp_path).problems
    assert str(problem) == "worker-0.000001.jsonl:2: dropped: seq 2 to 3 are missing before this line"


def test_a_log_verifies_while_it_is_written(tmp_path: Path) -> None:
    with writing(tmp_path) as process:
        wait_until_written(tmp_path, 100_000)
        for _ in range(5):
            assert verify(tmp_path).problems == []
        assert process.poll() is None


def test_several_processes_write_side_by_side(tmp_path: Path) -> None:
    with writing(tmp_path) as first, writing(tmp_path) as second:
        heads = {"worker-0.head", "worker-1.head"}
        until(lambda: heads <= {path.name for path in tmp_path.iterdir()}, "two writers")
        wait_until_written(tmp_path, 50_000)
        assert first.poll() is second.poll() is None
    assert [report.writer for report in verify(tmp_path).writers] == ["worker-0", "worker-1"]
    assert [report.problems for report in verify(tmp_path).writers] == [[], []]
