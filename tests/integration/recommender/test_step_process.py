"""A component ends as one, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

FORKING = """
import os, sys, time
if os.fork() == 0:
    time.sleep(1000)
open(sys.argv[1] + str(os.getpid()), "w").close()
{then}
"""


class Step:
    """A program that forks, run by step_process; ``then`` is what its parent does after."""

    def __init__(self, folder: Path, then: str) -> None:
        program = folder / "program.py"
        program.write_text(FORKING.format(then=then))
        self._marks = folder / "pid-"
        self.command = [sys.executable, str(program), str(self._marks)]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "recommender.commands.step_process", *self.command])

    def family(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["cmdline"] == self.command and process.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def until(self, count: int) -> None:
        until(lambda: len(self.family()) == count, lambda: str(self.family()))


@pytest.fixture
def forever(tmp_path: Path) -> Iterator[Step]:
    step = Step(tmp_path, "time.sleep(1000)")
    yield step
    for process in step.family():
        process.kill()


def test_a_step_process_that_is_told_to_stop_stops_all_that_was_forked(forever: Step) -> None:
    with forever.start() as running:
        forever.until(2)
        running.send_signal(signal.SIGTERM)
        assert running.wait(GENEROUS_S) == 0
    forever.until(0)


def test_what_a_killed_step_process_left_is_killed_by_its_successor(forever: Step) -> None:
    with forever.start() as running:
        forever.until(2)
        before = {process.pid for process in forever.family()}
        running.kill()
    with forever.start() as successor:
        until(lambda: not before & {process.pid for process in forever.family()}, "cleared away")
        forever.until(2)
        successor.terminate()
        successor.wait(GENEROUS_S)
    forever.until(0)


@pytest.mark.parametrize(("then", "code"), [("sys.exit(3)", 3), ("", 1)])
def test_a_server_that_ends_by_itself_has_failed_and_leaves_nothing(tmp_path: Path, then: str, code: int) -> None:
    step = Step(tmp_path, then)
    with step.start() as running:
        assert running.wait(GENEROUS_S) == code
    step.until(0)


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1] + 'deaf', 'w').close()"
    step = Step(tmp_path, f"{deaf}; time.sleep(1000)")
    with step.start() as running:
        step.until(2)
        until((tmp_path / "pid-deaf").exists, "deaf")
        running.terminate()
        assert running.wait(GENEROUS_S) == 0
    step.until(0)


@pytest.mark.parametrize("then", ["time.sleep(1000)", "sys.exit(3)"])
def test_temporary_folders_of_a_server_are_gone_when_it_is(tmp_path: Path, then: str) -> None:
    made = "open(sys.argv[1] + 'made', 'w').write(tempfile.mkdtemp())"
    makes = f"import tempfile; {made}; os.rename(sys.argv[1] + 'made', sys.argv[1] + 'named')"
    step = Step(tmp_path, f"{makes}; {then}")
    named = tmp_path / "pid-named"
    with step.start() as running:
        until(named.exists, "made")
        running.terminate()
        running.wait(GENEROUS_S)
    step.until(0)
    folder = Path(named.read_text()).parent
    assert folder.name.startswith("step-")
    assert not folder.exists()
