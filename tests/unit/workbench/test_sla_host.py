from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.patience import until
from workbench.sla.host import HostWatch

if TYPE_CHECKING:
    from pathlib import Path

STAT = "cpu  {user} 0 0 {idle} 0 0 0 {steal} 0 0\nprocs_running {runnable}\n"


def watched(stat: Path, *readings: dict[str, int]) -> HostWatch:
    watch = HostWatch(os.getpid(), stat)
    for reading in readings:
        stat.write_text(STAT.format(**reading), encoding="ascii")
        watch.sample()
    return watch


def test_steal_is_the_share_of_all_cpu_time_between_first_and_last_reading(tmp_path: Path) -> None:
    quiet = {"user": 100, "idle": 900, "steal": 0, "runnable": 1}
    host = watched(tmp_path / "stat", quiet, {**quiet, "user": 150, "idle": 940, "steal": 10}).host()
    assert host.steal == 0.1
    assert host.noisy


def test_a_quiet_machine_is_not_called_noisy(tmp_path: Path) -> None:
    quiet = {"user": 100, "idle": 900, "steal": 0, "runnable": 1}
    host = watched(tmp_path / "stat", quiet, {**quiet, "idle": 990}).host()
    assert (host.steal, host.run_queue, host.run_queue_max, host.noisy) == (0, 1, 1, False)


def test_a_long_run_queue_is_noise(tmp_path: Path) -> None:
    busy = {"user": 100, "idle": 0, "steal": 0, "runnable": 500}
    assert watched(tmp_path / "stat", busy, busy).host().noisy


def test_a_machine_without_proc_reads_zeros(tmp_path: Path) -> None:
    watch = HostWatch(None, tmp_path / "absent")
    watch.sample()
    assert (watch.host().steal, watch.host().run_queue) == (0, 0)


def test_the_generator_s_cpu_time_counts(tmp_path: Path) -> None:
    quiet = {"user": 100, "idle": 900, "steal": 0, "runnable": 1}
    watch = watched(tmp_path / "stat", quiet)
    began = time.process_time()
    while time.process_time() - began < 0.2:
        pass
    watch.sample()
    assert watch.host().generator_cpu > 0


def test_the_thread_takes_readings_until_the_end(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(STAT.format(user=100, idle=900, steal=0, runnable=3), encoding="ascii")
    with HostWatch(None, stat) as watch:
        until(lambda: watch.host().run_queue == 3, "sampled")
