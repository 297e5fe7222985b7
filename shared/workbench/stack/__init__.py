"""Starts, stops and watches the processes of a level through supervisord.

A level describes its processes once and hands them to `main`::

    ready = HttpReady("http://127.0.0.1:8100/readyz")
    iris = Process("iris", [sys.executable, "-m", "iris_api"], ready, ports={"http": 8100})
    sys.exit(main(Stack(level=1, processes=[iris], run_dir=Path(".run/1"))))
"""

from __future__ import annotations

from workbench.stack.commands import main
from workbench.stack.control import send
from workbench.stack.elsewhere import elsewhere, host_of
from workbench.stack.lifecycle import down, hand_over, up
from workbench.stack.readiness import HttpReady, Readiness, TcpReady
from workbench.stack.spec import Process, Stack, StackError
from workbench.stack.started import check_own, find_started, is_secret, join, own, remember, run_folder, take_over
from workbench.stack.status import status

__all__ = [
    "HttpReady",
    "Process",
    "Readiness",
    "Stack",
    "StackError",
    "TcpReady",
    "check_own",
    "down",
    "elsewhere",
    "find_started",
    "hand_over",
    "host_of",
    "is_secret",
    "join",
    "main",
    "own",
    "remember",
    "run_folder",
    "send",
    "status",
    "take_over",
    "up",
]
