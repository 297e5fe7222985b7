"""A level of processes that answer what they are told to."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.patience import GENEROUS_S
from workbench.stack import HttpReady, Process

__all__ = ["RUN_DIR", "get", "serving"]

RUN_DIR = Path(".run/7")


def serving(name: str, server: str, port: int, *modes: str, **settings: Any) -> Process:
    command = [sys.executable, server, str(port), *modes]
    return Process(name, command, HttpReady(f"http://127.0.0.1:{port}/", GENEROUS_S), ports={"http": port}, **settings)


def get(port: int) -> Any:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/") as answer:
        return json.load(answer)
