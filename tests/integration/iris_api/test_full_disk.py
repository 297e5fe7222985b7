"""The audit log's disk fills up under a running server: who is told, and what is known of the lines it lost."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.iris_process import IrisServer, StartIris

pytestmark = pytest.mark.slow

FLOWER = {"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}
ENDLESS = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
LIMIT = 30_000
"""Bytes at which a file is full: fewer than the lines of the audit log need, more than the server's own log."""


@pytest.fixture
def full(start_iris: StartIris, tmp_path: Path) -> IrisServer:
    """A server whose audit log is full and refuses any more, after more than 20 answers."""
    audit = {"AUDIT_DIR": str(tmp_path / "audit"), "AUDIT_BACKLOG_BYTES": "3000", "AUDIT_FLUSH_BYTES": "1"}
    # measuring its coverage would need a file larger than the limit
    server = start_iris(**audit, COVERAGE_PROCESS_CONFIG="").wait_ready()
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    until(lambda: predict(server) != 0 and waiting(server) > 0)  # a write has failed
    until(lambda: predict(server) == httpx.codes.SERVICE_UNAVAILABLE)
    return server


def predict(server: IrisServer) -> int:
    return httpx.post(f"{server.url}/v1/predict", json=FLOWER).status_code


def waiting(server: IrisServer) -> float:
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics").text)
    return next(family.samples[0].value for family in families if family.name == "serving_audit_waiting_bytes")


def verify(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "workbench.audit", "verify", folder], check=False, capture_output=True, text=True
    )
    return done.returncode, done.stdout


def test_a_server_that_refuses_is_not_ready_says_so_once_and_recovers(full: IrisServer, tmp_path: Path) -> None:

    def refuses() -> bool:
        answer = httpx.get(f"{full.url}/readyz")
        told = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        return told and "worker-0" in answer.text and "File too large" in answer.text

    until(refuses)  # not while it tries again to write what waits
    assert httpx.get(f"{full.url}/healthz").status_code == httpx.codes.OK
    until(lambda: waiting(full) > 3000)
    assert full.stdout.count(f'"message":"audit log {tmp_path}/audit/worker-0: File too large') == 1

    resource.prlimit(full.process.pid, resource.RLIMIT_FSIZE, ENDLESS)
    full.wait_ready()
    assert predict(full) == httpx.codes.OK
    until(lambda: waiting(full) == 0)
    assert full.stop() == 0
    assert "every line is intact, none is missing" in verify(tmp_path / "audit")[1]


def test_lines_that_are_lost_are_counted_in_the_exit_and_missed_by_the_verifier(
    full: IrisServer, tmp_path: Path
) -> None:
    assert full.stop() == 1
    log, _, loss = full.stderr.strip().partition(": ")[2].partition(": ")
    assert log == f"audit log {tmp_path}/audit/worker-0"
    lost, first, last = (int(word) for word in loss.replace(",", "").replace(":", "").split() if word.isdigit())
    assert lost == last - first + 1 > 3
    assert loss.endswith(f"{lost} lines are lost, seq {first} to {last}: File too large")
    status, said = verify(tmp_path / "audit")
    assert status == 1
    assert f"truncated: the head knows seq {first} to {last} are missing" in said
