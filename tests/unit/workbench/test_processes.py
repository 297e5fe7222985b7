from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil

from tests.patience import until
from workbench.processes import (
    MachineTime,
    cpu_s,
    family,
    is_alive,
    machine_time,
    on_core,
    proportional_bytes,
    resident_bytes,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

IDLE = "import sys; print('up', flush=True); sys.stdin.read()"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; sys.stdin.read()'])"
LEAVING = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(600)
"""
DEAF = """
import os, pathlib, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(os.environ["DEAF"]).touch()
signal.pause()
"""
GONE = 4_194_305
"""A pid that no Linux gives."""


def work(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def test_a_family_is_a_process_and_all_that_it_started() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as process:
        until(lambda: len(family(process.pid)) == 2, "started")
        parent, child = family(process.pid)
        assert (parent.pid, child.ppid()) == (process.pid, process.pid)
        assert resident_bytes([parent, child]) > resident_bytes([parent]) > 0
        process.communicate(b"")
    until(lambda: not is_alive(child), "ended")


def test_what_processes_share_is_counted_once() -> None:
    commands = [[sys.executable, "-c", IDLE]] * 2
    started = [subprocess.Popen(each, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for each in commands]
    try:
        for each in started:
            assert each.stdout
            assert each.stdout.readline() == b"up\n"
        both = [psutil.Process(each.pid) for each in started]
        one, together = proportional_bytes(both[:1]), proportional_bytes(both)
        assert one
        assert together
        assert one < together < resident_bytes(both)
    finally:
        for each in started:
            each.communicate(b"")
    assert proportional_bytes(both) == 0


def test_a_process_that_is_gone_has_no_family_and_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", IDLE], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        found = family(process.pid)
        assert is_alive(found[0])
        process.communicate(b"")
    assert family(GONE) == []
    assert (cpu_s(found), resident_bytes(found), is_alive(found[0])) == (0, 0, False)


def test_cpu_time_counts_what_has_been_computed() -> None:
    before = cpu_s([psutil.Process()])
    work(0.1)
    assert cpu_s([psutil.Process()]) - before >= 0.05  # ticks of a hundredth, before and after


def test_cpu_time_of_a_thread_that_has_ended_still_counts() -> None:
    before = cpu_s([psutil.Process()])
    thread = threading.Thread(target=work, args=(0.3,))
    thread.start()
    thread.join()
    assert cpu_s([psutil.Process()]) - before >= 0.25


def test_the_machine_s_time_is_read_from_the_kernel_s_first_line(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  1 2 3 4 5 6 7 8 900 1000\ncpu0 0 0 0 0\nprocs_running 3\n", encoding="ascii")
    assert machine_time(stat) == MachineTime(steal=8, total=36, runnable=3)


def test_a_kernel_that_knows_no_hypervisor_reports_no_steal(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  1 2 3 4 5 6 7\n", encoding="ascii")
    assert machine_time(stat) == MachineTime(steal=0, total=28, runnable=0)


def test_a_process_runs_with_the_environment_added_and_is_stopped_at_the_end() -> None:
    with running([sys.executable, "-c", "import time; time.sleep(600)"], {"PLANTED": "1"}) as process:
        # the kernel shows a new program before its environment
        until(lambda: process.environ().get("PLANTED") == "1", lambda: str(process.environ()))
    assert not is_alive(process)


def test_a_process_that_ended_by_itself_is_no_error() -> None:
    with running([sys.executable, "-c", "raise SystemExit(3)"], {}) as process:
        until(lambda: process.poll() is not None, "ended")
    assert process.returncode == 3


def test_a_process_that_does_not_end_when_asked_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("workbench.processes._STOP_S", 0.2)
    deaf = tmp_path / "deaf"
    with running([sys.executable, "-c", DEAF], {"DEAF": str(deaf)}) as process:
        until(deaf.exists, "deaf")
    assert process.returncode == -9


def test_what_a_process_started_and_left_is_stopped_with_it() -> None:
    with running([sys.executable, "-c", LEAVING], {}) as process:
        until(lambda: len(family(process.pid)) == 2, "started")
        child = family(process.pid)[1]
    until(lambda: not is_alive(child), "stopped")


def test_a_thread_is_on_one_core_meanwhile_and_what_it_starts_for_ever() -> None:
    before = psutil.Process().cpu_affinity()
    with on_core(0), running([sys.executable, "-c", "import time; time.sleep(600)"], {}) as process:
        assert psutil.Process().cpu_affinity() == [0]
        assert process.cpu_affinity() == [0]
    assert psutil.Process().cpu_affinity() == before
