from __future__ import annotations

import io
import shlex
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from rich.console import Console

from tests.patience import GENEROUS_S
from workbench.stack import HttpReady, Process, Readiness, Stack, TcpReady, main
from workbench.stack.config import render
from workbench.stack.inspection import describe, port_holder
from workbench.stack.progress import ProgressDisplay
from workbench.stack.status import _age

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/").partition("?")[0]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: pytest owns the output."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def free_port() -> Iterator[int]:
    """One on which nobody listens, and nobody else can meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


def process(name: str, **settings: int) -> Process:
    return Process(name, ["true"], TcpReady(1), ports=settings)


@pytest.mark.parametrize("name", ["", "Iris", "a b", "../x", "a:b", "1st"])
def test_a_process_name_that_cannot_name_a_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected lower case letters, digits and dashes"):
        process(name)


@pytest.mark.parametrize("command", ["python -m iris_api", []])
def test_a_command_is_a_list_with_a_program(command: list[str]) -> None:
    with pytest.raises(ValueError, match=r"command .* of web: expected a program and its arguments as a list"):
        Process("web", command, TcpReady(1))


def test_a_variable_has_a_name_that_a_shell_takes() -> None:
    with pytest.raises(ValueError, match=r"environment 'A=B' of web: expected letters, digits and underscores"):
        Process("web", ["true"], TcpReady(1), environment={"A=B": "1"})


def test_two_processes_do_not_share_a_name_or_a_port() -> None:
    with pytest.raises(ValueError, match=r"^process web: declared twice in level 7$"):
        Stack(7, [process("web"), process("web")], Path("run"))
    with pytest.raises(ValueError, match=r"^port 8100: declared twice in level 7$"):
        Stack(7, [process("web", http=8100), process("cache", tcp=8100)], Path("run"))


def test_http_is_ready_on_success_only(server: str, free_port: int) -> None:
    assert HttpReady(f"{server}/204?a=b", GENEROUS_S).missing() is None
    assert HttpReady(f"{server}/302", GENEROUS_S).missing() == f"{server}/302: HTTP 302"
    assert HttpReady(f"{server}/503", GENEROUS_S).missing() == f"{server}/503: HTTP 503"
    refused = f"http://127.0.0.1:{free_port}"
    assert HttpReady(refused, GENEROUS_S).missing() == f"{refused}: connection refused"


def test_http_that_never_answers_or_does_not_speak_it_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert HttpReady(url, timeout_s=0.1).missing() == f"{url}: no answer yet"
        babble = threading.Thread(target=_say_hello, args=(silent,))
        babble.start()
        assert HttpReady(url, GENEROUS_S).missing() in {f"{url}: not http", f"{url}: connection reset by peer"}
        babble.join(10)


def _say_hello(server: socket.socket) -> None:
    for _ in range(2):  # the first connection is the one that was given up
        with server.accept()[0] as connection:
            connection.recv(1)
            connection.sendall(b"hello\n")


def test_tcp_is_ready_when_it_accepts(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert TcpReady(server.getsockname()[1], timeout_s=GENEROUS_S).missing() is None
    assert TcpReady(free_port, timeout_s=GENEROUS_S).missing() == f"port {free_port}: connection refused"


def test_any_object_with_the_method_is_a_probe() -> None:
    class Always:
        def missing(self) -> str | None:
            return None

    probe: Readiness = Always()
    assert Process("web", ["true"], probe).ready.missing() is None


def test_the_command_in_the_configuration_is_a_shell_command_without_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["/a=b/program", "it's", "50% ;or #more", ""]
    web = Process("web", command, TcpReady(1), environment={"LIST": 'a, "b"'}, stop_wait_s=3)
    stack = Stack(7, [web], Path(".run/7"))
    lines = render(stack, stack.home / "s.sock").splitlines()
    (line,) = [line.removeprefix("command=") for line in lines if line.startswith("command=")]
    assert " ;" not in line
    assert " #" not in line
    words = ["env", 'LIST=a, "b"', "sh", "-c", 'exec "$0" "$@"', *command]
    assert shlex.split(line.replace("%%", "%")) == words
    assert "stopwaitsecs=3" in lines
    assert "file=.run/7/s.sock" in lines


def test_progress_in_a_terminal_is_one_line_for_each_process() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with ProgressDisplay(console, ["cache", "gateway"]) as progress:
        progress.waiting("gateway", "HTTP 503")
        progress.ready("cache")
        progress.failed("gateway", "exit status 3")
    assert isinstance(console.file, io.StringIO)
    last = console.file.getvalue().splitlines()[-3:-1]
    assert [word in line for line, word in zip(last, ["ready", "failed"], strict=True)] == [True, True]
    assert "exit status 3" in last[1]


def test_the_holder_of_a_port_is_found(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        holder = port_holder(server.getsockname()[1])
    assert holder == psutil.Process()
    assert port_holder(free_port) is None


def test_a_process_is_described_as_far_as_it_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    process = psutil.Process()
    assert describe(process).startswith(f"{process.name()} (pid {process.pid}: ")
    monkeypatch.setattr(psutil.Process, "cmdline", lambda _: [])
    assert describe(process) == f"{process.name()} (pid {process.pid})"

    def denied(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "cmdline", denied)
    assert describe(process) == f"pid {process.pid}"


def test_an_age_is_short() -> None:
    assert [_age(s) for s in (0, 59, 61, 3_600, 90_000)] == ["0 s", "59 s", "1 min 1 s", "1 h 0 min", "25 h 0 min"]


def test_an_unknown_command_is_refused_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(Stack(7, [process("web")], Path("run")), ["restart"])
    assert exit_.value.code == 2
    assert "{up,down,status,logs}" in capsys.readouterr().err


def test_importing_the_stack_warns_about_nothing() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import workbench.stack"], check=True)
