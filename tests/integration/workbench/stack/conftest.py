from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ports import free_ports
from workbench.stack import main
from workbench.stack.inspection import members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.stack import Stack

SERVER = """
import ctypes, http.server, json, os, signal, subprocess, sys

port, *modes = sys.argv[1:]

def stop(*_):
    open("asked-to-stop", "a").close()
    if "stubborn" not in modes:
        print("stopping", flush=True)
        raise SystemExit(0)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if "deaf" in modes else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid(), "environment": dict(os.environ), "cwd": os.getcwd()}).encode())

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, stop)
if "parent" in modes:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if "titled" in modes:  # as servers do that write a title over their environment
    start, end = map(int, open("/proc/self/stat").read().rpartition(")")[2].split()[47:49])
    ctypes.memset(start, 0, end - start)
server = http.server.HTTPServer(("127.0.0.1", int(port)), Handler)
print("listening", flush=True)
server.serve_forever()
"""


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def server(tmp_path: Path) -> str:
    """A real HTTP server as a script: ``server.py PORT [stubborn] [deaf] [parent] [titled]``."""
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return str(path)


@pytest.fixture
def ports() -> tuple[int, int, int]:
    """Three ports that nothing listens on."""
    first, second, third = free_ports(3)
    return first, second, third


@pytest.fixture
def run() -> Iterator[Callable[..., int]]:
    """Runs a command of a stack; whatever it started is stopped at the end, and nothing may be left."""
    stacks: list[Stack] = []

    def run(stack: Stack, *argv: str) -> int:
        stacks.append(stack)
        return main(stack, argv)

    yield run
    for stack in stacks:
        assert main(stack, ["down"]) == 0
        assert members(stack.home) == []
