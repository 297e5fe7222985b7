"""Every incident drill on a real level 1, on free ports: its symptom shows, its evidence holds, all is restored."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from course.incidents.__main__ import main
from course.incidents.holder import load_fault
from iris_api.adapters.artefact import ArtefactError, read_artefact
from iris_api.commands.client import main as client
from iris_api.commands.stack import stack
from tests.incident_trainee import incidents_of, prove, same_environment
from tests.patience import GENEROUS_S
from tests.ports import free_ports
from workbench.drift.terminal import main as drift
from workbench.stack import down, up
from workbench.stack.control import ask
from workbench.stack.inspection import members
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Iterator


SEEN = {
    "timeouts": "cpu_limiter.py has ended",
    "restart-loop": "model.onnx is whole again: well repaired",
    "all-green": "wrong species",
    "second-opinion": "test_accuracy",
    "false-start": "drift is in alarm: ",
    "paper-trail": "Max file size of the process: unlimited",
    "one-caller": "IRIS_MAX_BODY_BYTES of the process: not set",
    "heavy-parcels": "bulk_import.py has ended",
}
"""What each drill shows beside what every drill does."""
MODEL = Path(".run/1/models/iris/1")
KEPT = Path(".run/1/model.onnx.kept")


@pytest.fixture(scope="module")
def level(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a level 1 that runs in a folder of its own."""
    with same_environment(), pytest.MonkeyPatch.context() as patch:
        for variable, port in zip(("IRIS_PORT", "IRIS_GRPC_PORT"), free_ports(2), strict=True):
            patch.setenv(variable, str(port))
        patch.setenv("COLUMNS", "200")
        patch.setenv("PLANTED_TOKEN", "rubber-duck")  # nobody needs it
        patch.chdir(tmp_path_factory.mktemp("level"))
        shutil.copytree(model_dir, MODEL)
        try:
            up(stack(), make_console())
            address = f"http://127.0.0.1:{os.environ['IRIS_PORT']}"
            assert healthy(address)
            yield address
        finally:
            down(stack(), make_console())


def healthy(level: str) -> bool:
    """The level is ready, every answer is right, its model is whole, and there is no drift."""
    read_artefact(MODEL)
    return stack().processes[0].ready.missing() is None and client() == 0 and drift([f"{level}/metrics"]) == 0


def test_the_api_has_no_secret_that_it_was_not_given(level: str) -> None:
    """supervisord has what it was started with, and hands on what is listed."""
    assert level
    processes = members(stack().home)
    having = [process for process in processes if "PLANTED_TOKEN" in process.environ()]
    assert ["supervisord" in " ".join(process.cmdline()) for process in having] == [True]
    assert len(processes) > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "incident", [pytest.param(each, marks=[pytest.mark.alone] * (each == "heavy-parcels")) for each in incidents_of(1)]
)  # whose users are promised 50 ms
def test_an_incident_breaks_its_level_until_its_fix_and_no_sooner(
    incident: str, level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = prove(incident, monkeypatch, capsys).printed
    assert SEEN[incident] in printed
    assert healthy(level)


@pytest.mark.slow
def test_a_drill_that_is_killed_leaves_the_level_healthy(level: str) -> None:
    with started("restart-loop", "TargetDown") as (killed, holder):
        with pytest.raises(ArtefactError, match=r"expected .*, as model\.json says"):
            read_artefact(MODEL)
        killed.kill()
    assert ended(holder)
    assert healthy(level)
    assert not KEPT.exists()


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGHUP, signal.SIGINT])
def test_a_drill_that_is_interrupted_or_loses_its_terminal_leaves_the_level_healthy(
    sent: signal.Signals, level: str
) -> None:
    with started("paper-trail", "AuditLogWaiting") as (stopped, holder):
        assert limit() != psutil.RLIM_INFINITY
        stopped.send_signal(sent)
    assert ended(holder)
    assert limit() == psutil.RLIM_INFINITY
    assert healthy(level)


@contextmanager
def started(incident: str, alert: str) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A drill whose alert has fired, and the process that holds its fault."""
    command = [sys.executable, "-u", "-m", "course.incidents", incident, "--yes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as drill:
        assert drill.stdout
        assert any(f"PAGE {alert}" in line for line in drill.stdout)
        yield drill, psutil.Process(drill.pid).children()[0]


def ended(holder: psutil.Process) -> bool:
    """Whether the holder ends by itself, which it does after it has restored the level."""
    return psutil.wait_procs([holder], timeout=GENEROUS_S)[1] == []


def limit() -> int:
    """The largest file that the server may write."""
    return psutil.Process(ask(stack())["iris-api"].pid).rlimit(psutil.RLIMIT_FSIZE)[0]


def test_what_the_learner_repairs_stays_repaired(level: str) -> None:
    fault = load_fault("restart-loop")
    right = (MODEL / "model.onnx").read_bytes()
    for kept, onnx in ((right, right[:-1]), (b"older", right)):
        KEPT.write_bytes(kept)
        (MODEL / "model.onnx").write_bytes(onnx)
        assert fault.obstacle() is None
        assert (MODEL / "model.onnx").read_bytes() == right
        assert not KEPT.exists()
    assert fault.evidence() == ["model.onnx is whole again: well repaired"]
    assert level


def test_no_fault_is_planted_in_a_level_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("IRIS_PORT", str(probe.getsockname()[1]))
        monkeypatch.chdir(tmp_path)
        assert main(["timeouts", "--yes"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: incident timeouts: level 1 is not up (")
    assert error.endswith("make up-1\n")
