from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.patience import until
from workbench.processes import is_alive
from workbench.stack import Process, Stack, TcpReady, control
from workbench.stack.inspection import is_taken, members, supervisord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., int]

RUN_DIR = Path(".run/7")


@pytest.fixture
def stack(server: str, ports: tuple[int, int, int]) -> Stack:
    command = [sys.executable, server, str(ports[0]), "parent"]
    return Stack(7, [Process("web", command, TcpReady(ports[0]), ports={"http": ports[0]}, stop_wait_s=1)], RUN_DIR)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def error(run: Run, stack: Stack, capsys: pytest.CaptureFixture[str], command: str = "up") -> str:
    capsys.readouterr()
    assert run(stack, command) == 1
    return capsys.readouterr().err


def kill_supervisord(stack: Stack) -> int:
    daemon = supervisord(stack)
    assert daemon
    daemon.kill()
    until(lambda: not is_alive(daemon), "dead")
    return daemon.pid


def test_a_taken_port_names_the_process_that_holds_it(
    run: Run, stack: Stack, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", ports[0])):
        name = psutil.Process().name()
        message = error(run, stack, capsys)
    assert message.startswith(f"error: port {ports[0]} (http of web): taken by {name} (pid {os.getpid()}: ")
    assert message.endswith("; stop it, then `make up-7` again\n")
    assert members(stack.home) == []


def of_nobody(kind: str, everything: Callable[..., list[Any]] = psutil.net_connections) -> list[Any]:
    """What Linux tells a user of another's connections."""
    return [each._replace(pid=None) for each in everything(kind)]


def of_own_processes_alone(kind: str) -> list[Any]:
    """What macOS tells whoever is not root."""
    raise psutil.AccessDenied(None, kind)


@pytest.fixture(
    params=[
        (of_nobody, "taken by a process that this user cannot see; `sudo lsof -i :{port}` names it"),
        (of_own_processes_alone, "(pid {own}: "),
    ]
)
def named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a port's holder is named on a system that tells so much."""
    told, named = request.param
    monkeypatch.setattr(psutil, "net_connections", told)
    return str(named)


def test_who_holds_a_port_is_said_as_far_as_the_system_tells(
    run: Run, stack: Stack, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str], named: str
) -> None:
    with socket.create_server(("127.0.0.1", ports[0])):
        assert named.format(port=ports[0], own=os.getpid()) in error(run, stack, capsys)


def test_a_port_held_by_another_checkout_names_that_checkout_and_its_remedy(
    run: Run, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Stack(7, stack.processes, Path("other/.run/7"))
    assert run(other, "up") == 0
    message = error(run, stack, capsys)
    assert f"of the stack in {other.home}; `make down-7` there stops it" in message
    assert run(stack, "down") == 0  # which must not touch the other one
    assert run(other, "status") == 0


def test_a_port_that_cannot_be_used_at_all_is_named(
    run: Run, stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    assert "permission denied; choose another one" in error(run, stack, capsys)


def test_a_pid_file_whose_process_is_gone_is_named_with_the_remedy(
    run: Run, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.home.mkdir(parents=True)
    stack.pid_file.write_text("99999999\n")
    expected = f"pid file {stack.pid_file}: stale, its process 99999999 is gone; `make down-7` cleans up"
    assert error(run, stack, capsys) == f"error: {expected}\n"
    assert error(run, stack, capsys, "status") == f"error: {expected}\n"
    assert run(stack, "down") == 0
    assert run(stack, "up") == 0


def test_a_pid_file_whose_pid_is_another_program_names_it_and_down_spares_it(
    run: Run, stack: Stack, sleeper: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    stack.home.mkdir(parents=True)
    stack.pid_file.write_text(f"{sleeper.pid}\n")
    message = error(run, stack, capsys)
    assert f"stale, pid {sleeper.pid} is another program, " in message
    assert "time.sleep(600)" in message
    assert "`make down-7` cleans up" in message
    assert run(stack, "down") == 0
    assert sleeper.poll() is None
    assert not stack.pid_file.exists()


def test_down_cleans_after_supervisord_was_killed(
    run: Run, stack: Stack, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack, "up") == 0
    pid = kill_supervisord(stack)
    assert is_taken(ports[0])
    assert f"stale, its process {pid} is gone" in error(run, stack, capsys)
    assert len(members(stack.home)) == 2
    assert run(stack, "down") == 0
    assert members(stack.home) == []
    assert not is_taken(ports[0])
    assert Path("asked-to-stop").exists()


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="reads the address of the environment from Linux's /proc"
)
def test_down_finds_an_orphan_that_wrote_over_its_environment(
    run: Run, server: str, ports: tuple[int, int, int]
) -> None:
    command = [sys.executable, server, str(ports[0]), "titled"]
    stack = Stack(7, [Process("cache", command, TcpReady(ports[0]))], RUN_DIR)
    assert run(stack, "up") == 0
    (cache,) = [process for process in members(stack.home) if process != supervisord(stack)]
    assert "SERVEKIT_STACK" not in cache.environ()
    kill_supervisord(stack)
    assert run(stack, "down") == 0
    assert Path("asked-to-stop").exists()
    assert not is_taken(ports[0])


def test_down_cleans_after_the_run_folder_was_deleted(
    run: Run, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(stack, "up") == 0
    shutil.rmtree(stack.home)
    message = error(run, stack, capsys)
    assert message.startswith("error: level 7: left over from an earlier run: ")
    assert message.endswith("; `make down-7` stops them\n")
    assert "3 processes run on without supervisord" in error(run, stack, capsys, "status")
    assert run(stack, "down") == 0
    assert members(stack.home) == []


def test_what_ignores_sigterm_and_has_no_supervisord_is_killed_after_its_time(
    run: Run, server: str, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_GRACE_S", 0.5)
    command = [sys.executable, server, str(ports[0]), "stubborn"]
    stack = Stack(7, [Process("web", command, TcpReady(ports[0]), stop_wait_s=3)], RUN_DIR)
    assert run(stack, "up") == 0
    kill_supervisord(stack)
    begun = time.monotonic()
    assert run(stack, "down") == 0
    assert time.monotonic() - begun >= 3
    assert Path("asked-to-stop").exists()


def test_down_that_was_held_up_for_long_kills_before_it_gives_up(
    run: Run, server: str, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, server, str(ports[0]), "stubborn"]
    stack = Stack(7, [Process("web", command, TcpReady(ports[0]), stop_wait_s=1)], RUN_DIR)
    assert run(stack, "up") == 0
    kill_supervisord(stack)
    late_s, wake = 0.0, control._wake

    def an_hour_passes(stack: Stack) -> None:
        nonlocal late_s
        late_s = 3600.0
        wake(stack)

    monkeypatch.setattr(control, "_wake", an_hour_passes)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late_s, sleep=time.sleep)
    monkeypatch.setattr(control, "time", clock)
    assert run(stack, "down") == 0
    assert members(stack.home) == []


def test_a_supervisord_that_hangs_gets_an_error_and_is_stopped_by_down(
    run: Run, stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(stack, "up") == 0
    daemon = supervisord(stack)
    assert daemon
    daemon.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(control, "_GRACE_S", 0.5)
    monkeypatch.setattr(control, "_ANSWERS_WITHIN_S", 0.3)
    message = error(run, stack, capsys)
    assert message == "error: supervisord of level 7: does not answer (timed out); `make down-7` cleans up\n"
    assert run(stack, "down") == 0
    assert members(stack.home) == []


def test_a_supervisord_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "level.py").write_text(
        "import sys; from pathlib import Path; from workbench.stack import *\n"
        "sys.exit(main(Stack(7, [Process('web', ['true'], TcpReady(1))], Path('.run/7'))))\n"
    )
    limited = ["bash", "-c", 'ulimit -n 256 && exec "$0" level.py up', sys.executable]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: supervisord: exit status 2: Error: The minimum number of file descriptors")


def test_a_file_in_the_way_is_named(run: Run, stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.home.mkdir(parents=True)
    stack.log_dir.write_text("a file where the folder should be")
    assert error(run, stack, capsys) == f"error: [Errno 17] File exists: '{stack.log_dir}'\n"
