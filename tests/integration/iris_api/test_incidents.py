"""Every incident drill on a real level 1, on free ports: its symptom shows, its evidence holds, all is restored."""

from __future__ import annotations

import importlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from course.incidents.__main__ import main
from iris_api.adapters.artefact import ArtefactError, read_artefact
from iris_api.commands.client import main as client
from iris_api.commands.stack import stack
from tests.patience import until
from tests.ports import free_ports
from workbench.drift.terminal import main as drift
from workbench.stack import down, up
from workbench.stack.inspection import members
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


MODEL = Path(".run/1/models/iris/1")
KEPT = Path(".run/1/model.onnx.kept")


@pytest.fixture(scope="module")
def level(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a level 1 that runs in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
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


@pytest.fixture
def drill(level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs an incident, looks at the symptoms a second time, and asks for the answer."""

    def drill(incident: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO("yes\ns\n\n"))
        assert main([incident]) == 0
        printed = capsys.readouterr().out
        assert printed.count("what you see") == 2
        assert "restored: level 1 is healthy" in printed
        assert healthy(level)
        return printed

    return drill


def test_the_api_has_no_secret_that_it_was_not_given(level: str) -> None:
    """supervisord has what it was started with, and hands on what is listed."""
    assert level
    processes = members(stack().home)
    having = [process for process in processes if "PLANTED_TOKEN" in process.environ()]
    assert ["supervisord" in " ".join(process.cmdline()) for process in having] == [True]
    assert len(processes) > 1


def test_timeouts_stops_the_process_so_that_callers_wait_and_the_log_does_not_know(drill: Callable[..., str]) -> None:
    printed = drill("timeouts")
    slow = re.search(r"(\d+) took longer than 1 s", printed)
    assert slow
    assert int(slow[1]) > 0
    assert "the server's own log says: median" in printed
    assert re.search(r"process \d+ is (stopped \(T\)|\w+, between two stops); supervisord calls it running", printed)


def test_restart_loop_damages_the_model_and_is_repaired_even_when_the_drill_is_killed(level: str) -> None:
    command = [sys.executable, "-m", "course.incidents", "restart-loop", "--yes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        lines = iter(killed.stdout)
        assert any("what you see" in line for line in lines)
        assert re.search(r"\d+ × Connect", next(lines))
        assert re.search(r"make status-1 says: (backoff|fatal)", next(lines))
        with pytest.raises(ArtefactError, match=r"expected .*, as model\.json says"):
            read_artefact(MODEL)
        log = stack().log_file("iris-api")
        until(lambda: "iris-api cannot start" in log.read_text(), f"the reason in {log}")
        holder = psutil.Process(killed.pid).children()[0]
        killed.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs([holder], timeout=60)
    assert alive == []
    assert healthy(level)
    assert not KEPT.exists()


def test_all_green_sends_millimetres_so_that_only_drift_tells(drill: Callable[..., str]) -> None:
    printed = drill("all-green")
    calls = re.search(r"of (\d+) calls (\d+) got a 2xx", printed)
    assert calls
    assert "; 1 ×" not in printed
    assert "drift gauges are in alarm" in printed
    alarm = next(line for line in printed.splitlines() if "in alarm:" in line)
    assert "_cm" in alarm  # which features are over their thresholds by now depends on how many rows were looked at


def test_what_the_learner_repairs_stays_repaired(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    fault = importlib.import_module("interview.incidents.restart_loop").fault()
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
