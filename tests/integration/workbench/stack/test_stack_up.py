from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.workbench.stack.toy_level import RUN_DIR, get, serving
from tests.interrupted import INTERRUPTED, unmeasured
from tests.patience import GENEROUS_S, until
from workbench.stack import HttpReady, Process, Stack, TcpReady, control
from workbench.stack.inspection import is_taken, members

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., int]


def answers(port: int) -> bool:
    return TcpReady(port).missing() is None


def test_a_level_comes_up_ready_and_goes_down_without_a_trace(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(7, [serving("cache", server, ports[0]), serving("gateway", server, ports[1])], RUN_DIR)

    assert run(stack, "up") == 0
    pid = get(ports[0])["pid"]
    output = capsys.readouterr().out
    assert "level 7: starting cache, gateway" in output
    assert "cache    ready after" in output
    assert "gateway  ready after" in output

    assert run(stack, "status") == 0
    table = capsys.readouterr().out
    assert f"{ports[0]} http" in table
    assert str(pid) in table
    assert table.count("yes") == 2

    assert run(stack, "up") == 0
    said, hint = capsys.readouterr().out.splitlines()
    assert said == "level 7: up already, cache, gateway ready; nothing to do"
    assert hint == "make console shows it live in a browser"
    assert get(ports[0])["pid"] == pid

    assert run(stack, "down") == 0
    assert capsys.readouterr().out.startswith("level 7: stopped in ")
    assert stack.log_file("cache").read_text() == "listening\nstopping\n"
    assert not any(map(is_taken, ports[:2]))
    assert sorted(path.name for path in RUN_DIR.iterdir()) == ["lock", "logs", "supervisord.conf", "supervisord.log"]

    assert run(stack, "down") == 0
    assert capsys.readouterr().out == ""
    assert run(stack, "status") == 1
    assert capsys.readouterr().out == "level 7: down; `make up-7` starts it\n"


def test_down_before_any_up_leaves_no_files(run: Run, server: str, ports: tuple[int, int, int]) -> None:
    assert run(Stack(7, [serving("web", server, ports[0])], RUN_DIR), "down") == 0
    assert not RUN_DIR.exists()


def test_processes_stop_in_reverse_order_and_by_sigkill_only_after_their_time(
    run: Run, server: str, ports: tuple[int, int, int]
) -> None:
    stubborn = serving("stubborn", server, ports[1], "stubborn", stop_wait_s=1)
    stack = Stack(7, [serving("cache", server, ports[0]), stubborn], RUN_DIR)
    assert run(stack, "up") == 0
    begun = time.monotonic()
    assert run(stack, "down") == 0
    assert time.monotonic() - begun >= 1
    events = stack.daemon_log.read_text()
    assert "killing 'stubborn'" in events
    assert events.index("stopped: stubborn (terminated by SIGKILL)") < events.index("stopped: cache (exit status 0)")


def test_a_killed_process_is_restarted(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(7, [serving("web", server, ports[0])], RUN_DIR)
    assert run(stack, "up") == 0
    killed = get(ports[0])["pid"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: control.ask(stack)["web"].pid not in {None, killed} and answers(ports[0]))
    capsys.readouterr()
    assert run(stack, "status") == 0
    header, row, together = (line.split("  ") for line in capsys.readouterr().out.splitlines())
    columns = [cell.strip() for cell in header if cell.strip()]
    assert dict(zip(columns, [cell.strip() for cell in row if cell.strip()], strict=True))["restarts"] == "1"
    assert "memory of all: " in together[0]


@pytest.mark.slow
def test_up_repairs_what_is_stopped_or_hangs_and_leaves_the_rest_alone(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    processes = [serving("good", server, ports[0]), serving("gone", server, ports[1])]
    hanging = Process(
        "hanging",
        [sys.executable, server, str(ports[2])],
        HttpReady(f"http://127.0.0.1:{ports[2]}/", 0.2),
        stop_wait_s=1,
    )
    stack = Stack(7, [*processes, hanging], RUN_DIR)
    assert run(stack, "up") == 0
    kept, hung = get(ports[0])["pid"], get(ports[2])["pid"]
    control.halt(stack, processes[1])
    os.kill(hung, signal.SIGSTOP)
    capsys.readouterr()
    assert run(stack, "status") == 1
    assert "no: " in capsys.readouterr().out

    assert run(stack, "up") == 0
    assert "level 7: up, but not ready: starting gone, hanging anew" in capsys.readouterr().out
    assert get(ports[0])["pid"] == kept
    assert answers(ports[1])
    assert get(ports[2])["pid"] != hung


def test_up_restarts_a_level_whose_processes_changed(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Stack(7, [serving("web", server, ports[0])], RUN_DIR), "up") == 0
    changed = Stack(7, [serving("web", server, ports[0], environment={"WORKERS": "2"})], RUN_DIR)
    assert run(changed, "up") == 0
    assert "level 7: its configuration changed, stopping it first" in capsys.readouterr().out
    assert get(ports[0])["environment"]["WORKERS"] == "2"


def test_a_process_that_ends_shows_its_last_lines_and_takes_the_others_with_it(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    # in one piece: on a busy machine its end may be seen only when it was started again and is printing once more
    script = "import sys; sys.exit(''.join(f'line {i}\\n' for i in range(30)) + 'model.onnx: no such [file]')"
    failing = Process("failing", [sys.executable, "-c", script], TcpReady(ports[1]))
    stack = Stack(7, [serving("web", server, ports[0]), failing], RUN_DIR)
    for _ in range(2):  # the second time, the lines of the first are not shown again
        assert run(stack, "up") == 1
        captured = capsys.readouterr()
        assert captured.err == "error: failing: ended before it was ready (exit status 1)\n"
        printed = captured.out.partition("failing printed:\n")[2].splitlines()
        assert printed == [f"  line {i}" for i in range(11, 30)] + ["  model.onnx: no such [file]"]
        assert members(stack.home) == []
        assert not is_taken(ports[0])


class ReadyOnceEnded:
    """Proves that the process itself is looked at: by this one it is ready, even after its end."""

    def missing(self) -> str | None:
        log = RUN_DIR / "supervisord.log"
        until(lambda: re.search("exited: web|spawnerr", log.read_text()), "ended")
        return None


class OnceListening(HttpReady):
    """Does not ask before there is somebody to answer."""

    def missing(self) -> str | None:
        log = RUN_DIR / "logs/web.log"
        until(lambda: log.exists() and "listening" in log.read_text(), "listening")
        return super().missing()


MOODY = """
import os, sys
from pathlib import Path
starts, fails = Path("starts"), int(sys.argv[1])
before = len(starts.read_text()) if starts.exists() else 0
starts.write_text("x" * (before + 1))
if before < fails:
    os.abort()
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@pytest.mark.parametrize(("fails", "code"), [(2, 0), (3, 1)])
def test_a_process_that_is_known_to_fail_at_its_start_may_try_again_so_often(
    run: Run, server: str, ports: tuple[int, int, int], fails: int, code: int
) -> None:
    Path("moody.py").write_text(MOODY)
    command = [sys.executable, "moody.py", str(fails), server, str(ports[0])]
    ready = HttpReady(f"http://127.0.0.1:{ports[0]}/")
    moody = Process("moody", command, ready, ports={"http": ports[0]}, retries=2)
    assert run(Stack(7, [moody], RUN_DIR), "up") == code
    starts = Path("starts").read_text()
    # an `up` that looks late finds it started once more
    assert starts == "xxx" if code == 0 else starts.startswith("xxx")


@pytest.mark.parametrize(
    ("environment", "reason"), [({}, "can't find command 'no-such-program'"), ({"A": "1"}, "exit status 127")]
)
def test_a_program_that_does_not_exist_is_named(
    run: Run, capsys: pytest.CaptureFixture[str], environment: dict[str, str], reason: str
) -> None:
    process = Process("web", ["no-such-program"], ReadyOnceEnded(), environment=environment)
    assert run(Stack(7, [process], RUN_DIR), "up") == 1
    assert capsys.readouterr().err == f"error: web: ended before it was ready ({reason})\n"


def test_a_process_that_is_never_ready_is_given_up_with_the_reason(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{ports[0]}/"
    web = replace(serving("web", server, ports[0], "deaf"), ready=OnceListening(url, GENEROUS_S))
    stack = Stack(7, [web], RUN_DIR)
    assert run(stack, "up", "--timeout", "0.8") == 1
    captured = capsys.readouterr()
    assert captured.err == f"error: web: not ready after 0.8 s: {url}: HTTP 503\n"
    assert "web printed:\n  listening\n" in captured.out
    assert members(stack.home) == []


def test_ctrl_c_while_waiting_stops_what_was_started(server: str, ports: tuple[int, int, int], tmp_path: Path) -> None:
    level = tmp_path / "level.py"
    level.write_text(
        "import sys; from pathlib import Path; from workbench.stack import *\n"
        f"web = Process('web', [sys.executable, {server!r}, '{ports[0]}', 'deaf'], HttpReady('http://127.0.0.1:{ports[0]}'))\n"
        "sys.exit(main(Stack(7, [web], Path('.run/7'))))\n"
    )
    command = subprocess.Popen([sys.executable, level, "up"], stdout=subprocess.DEVNULL, env=unmeasured())
    until(lambda: answers(ports[0]))
    command.send_signal(signal.SIGINT)
    assert command.wait(120) in INTERRUPTED
    assert members((tmp_path / RUN_DIR).resolve()) == []
    assert not is_taken(ports[0])


def test_a_second_up_waits_for_the_first(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(7, [serving("web", server, ports[0])], RUN_DIR)
    codes: list[int] = []
    callers = [threading.Thread(target=lambda: codes.append(run(stack, "up"))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert codes == [0, 0]
    output = capsys.readouterr().out
    assert "level 7: waiting for another `up` or `down` to finish" in output
    assert "level 7: up already, web ready; nothing to do" in output
