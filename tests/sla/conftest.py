from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(__file__).with_name("tiny_server.py")

SCENARIO = """
import sys, time
from workbench.sla import Request

if runners := sys.modules.get("locust.runners"):  # else nobody sends a load here
    runners.HEARTBEAT_LIVENESS = 120  # after three seconds, a worker that is merely slow would be given up

class Echo:
    def request(self, kind, random):
        return Request("/broken" if kind == "broken" else "/echo", kind.encode(), oracle=kind.encode())

    def check(self, request, answer):
        return None if answer == request.oracle else f"answer {answer[:20]!r}: expected {request.oracle!r}"

class Slow(Echo):
    def request(self, kind, random):
        time.sleep(0.01)  # a payload that takes the generator longer to make than the rate allows
        return super().request(kind, random)
"""

SLA = """
level = 7
rate_rps = {rate}
duration_s = {duration}
longest_s = {longest}
warmup_s = {warmup}
scenario = "scenario.py:{scenario}"
[server]
url = "{url}"
start = "the tiny server"
identity_path = "/identity"
identity = {{ name = "{name}" }}
[mix]
{mix}
[thresholds]
p99_ms = {p99_ms}
achieved_ratio = 0
[capacity]
warmup_s = 0.2
probe_s = 0.8
max_rps = {max_rps}
repeats = 2
precision = 0.5
[generator]
timeout_s = {timeout_s}
"""


class StartServer(Protocol):
    def __call__(self, *options: str) -> str: ...


class WriteSla(Protocol):
    def __call__(self, url: str, **changes: object) -> Path: ...


@pytest.fixture
def tiny_server() -> Iterator[StartServer]:
    """Starts tiny servers and returns their URLs; they end with the test."""
    processes = []

    def start(*options: str) -> str:
        process = subprocess.Popen([sys.executable, str(SERVER), *options], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{process.stdout.readline().strip()}"

    yield start
    for process in processes:
        process.terminate()
        process.communicate()


@pytest.fixture
def sla_file(tmp_path: Path) -> WriteSla:
    """Writes an sla.toml and its scenario."""

    def write(url: str, **changes: object) -> Path:
        values: dict[str, object] = {
            "rate": 100,
            "duration": 1,
            "longest": 0,  # nothing is repeated for being too close to tell
            "warmup": 0.2,
            "scenario": "Echo",
            "url": url,
            "name": "tiny",
            "mix": "small = 3\nlarge = 1",
            "p99_ms": 60_000,  # these tests are about what is said, on a machine that may be busy
            "max_rps": 200,
            "timeout_s": 60,
        }
        (tmp_path / "scenario.py").write_text(SCENARIO, encoding="utf-8")
        path = tmp_path / "sla.toml"
        path.write_text(SLA.format(**{**values, **changes}), encoding="utf-8")
        return path

    return write
