"""A process that ends again and again: `up` repairs it and `halt` stops it, whatever it does just then."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from socketserver import UnixStreamServer
from threading import Thread
from typing import TYPE_CHECKING
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest
from supervisor.states import ProcessStates
from supervisor.xmlrpc import Faults

from tests.integration.workbench.stack.toy_level import RUN_DIR, get
from tests.patience import until
from workbench.stack import HttpReady, Process, Stack, StackError, control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., int]

BROKEN = Path("broken")
PROGRAM = """
import os, sys
from pathlib import Path
if Path("broken").exists():
    sys.exit("the model is damaged")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def web(server: str, ports: tuple[int, int, int]) -> Process:
    Path("program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", server, str(ports[0])]
    return Process("web", command, HttpReady(f"http://127.0.0.1:{ports[0]}/"), ports={"http": ports[0]})


def ends(stack: Stack) -> int:
    """How often its process has ended, as supervisord's log says: asking supervisord would change what it does next."""
    return stack.daemon_log.read_text().count("exited: web ")


class EndsMeanwhile(Stack):
    """One whose process ends once more just after `up` has found it broken, and is well from then on."""

    def log_file(self, name: str) -> Path:
        if BROKEN.exists():
            before = ends(self)
            until(lambda: ends(self) > before, "ended once more")
            BROKEN.unlink()
        return super().log_file(name)


def test_an_end_just_before_the_new_start_is_not_taken_for_one_of_the_new_process(
    run: Run, web: Process, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    stack = EndsMeanwhile(7, [web], RUN_DIR)
    assert run(stack, "up") == 0
    pid = get(ports[0])["pid"]
    BROKEN.touch()
    os.kill(pid, signal.SIGKILL)
    until(lambda: ends(stack), "ended")
    assert run(stack, "up") == 0, capsys.readouterr().err
    assert get(ports[0])["pid"] != pid
    assert not BROKEN.exists()


class Supervisord(UnixStreamServer, SimpleXMLRPCDispatcher):
    """Stands in for one whose process is in these states at the next looks, and is never stopped at the first try."""

    def __init__(self, path: Path, states: list[int]) -> None:
        SimpleXMLRPCDispatcher.__init__(self)
        UnixStreamServer.__init__(self, str(path), Answers)
        self.tries = 0
        self.register_function(lambda _: {"state": states.pop(0)}, "supervisor.getProcessInfo")
        self.register_function(self.stop, "supervisor.stopProcess")

    def stop(self, _: object) -> bool:
        self.tries += 1
        if self.tries == 1:
            raise Fault(Faults.NOT_RUNNING, "NOT_RUNNING: web")
        return True


class Answers(SimpleXMLRPCRequestHandler):
    rpc_paths = ("/RPC2",)
    disable_nagle_algorithm = False  # a Unix socket has none

    def log_request(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "test"


@pytest.fixture
def supervisord_in() -> Iterator[Callable[[Stack, list[int]], Supervisord]]:
    """Starts a `Supervisord` for a stack, with the states that it is to tell; stops it at the end."""
    with ExitStack() as opened:

        def start(stack: Stack, states: list[int]) -> Supervisord:
            stack.home.mkdir(parents=True)
            server = opened.enter_context(Supervisord(stack.home / "supervisord.sock", states))
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            opened.callback(thread.join)
            opened.callback(server.shutdown)
            return server

        yield start


def test_halt_goes_on_until_the_process_is_not_started_again(
    web: Process, supervisord_in: Callable[[Stack, list[int]], Supervisord]
) -> None:
    stack = Stack(7, [web], RUN_DIR)
    seen = [
        ProcessStates.EXITED,  # and so started again soon
        ProcessStates.STARTING,  # but it has ended before it can be stopped
        ProcessStates.BACKOFF,
        ProcessStates.STOPPING,
        ProcessStates.STOPPED,
    ]
    supervisord = supervisord_in(stack, seen)
    control.halt(stack, web)
    assert (seen, supervisord.tries) == ([], 2)


def test_halt_gives_up_a_process_that_never_ends(
    web: Process, supervisord_in: Callable[[Stack, list[int]], Supervisord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_KILLED_WITHIN_S", 1)
    hasty = replace(web, stop_wait_s=0)
    stack = Stack(7, [hasty], RUN_DIR)
    supervisord_in(stack, [ProcessStates.STOPPING] * 100)
    with pytest.raises(StackError, match="web: not stopped within 1 s; `make down-7` cleans up"):
        control.halt(stack, hasty)
