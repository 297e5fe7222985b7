from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from course.doctor import probes
from course.doctor.needs import LEVELS, Need, needs, present
from course.doctor.probes import Finding
from course.doctor.report import report
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a real shell script on an otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(name: str, body: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return install


def found(*, enough: bool, levels: tuple[int, ...] = ()) -> Need:
    return Need("a tool", "make x", levels, lambda: Finding(enough, "what is here"), "get it")


def test_python_cores_memory_and_disk_are_compared_with_what_is_needed(tmp_path: Path) -> None:
    assert probes.python((3, 11)) == Finding(enough=True, here=".".join(map(str, sys.version_info[:3])))
    assert not probes.python((4, 0)).enough
    assert probes.cores(1).enough
    assert not probes.cores(100_000).enough
    assert probes.memory(0.001).enough
    assert not probes.memory(10_000_000).enough
    assert probes.disk(0.001, tmp_path).here.endswith(" GiB free")
    assert not probes.disk(10_000_000_000, tmp_path).enough


def test_a_taken_port_names_its_holder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = probes.ports([port], tmp_path)
    assert not taken.enough
    assert taken.here.startswith(f"{port}: ")
    assert f"(pid {os.getpid()}: " in taken.here
    assert probes.ports([port], tmp_path) == Finding(enough=True, here="free")


def test_a_port_that_the_level_itself_holds_is_fine(tmp_path: Path) -> None:
    script = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()"
    )
    environment = {**os.environ, "SERVEKIT_STACK": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        finding = probes.ports([port], tmp_path)
        process.kill()
    assert finding == Finding(enough=True, here="level is up")


def test_a_program_is_found_with_its_version(install: Callable[[str, str], None]) -> None:
    install("helm", "echo 'v3.14.2+gabc'")
    install("redis-server", "echo 'Redis server v=7.0.15 sha=00000000:0'")
    install("nvidia-smi", "echo 'NVIDIA H100, 550.54'")
    install("broken", "echo 'cannot open display'; exit 3")
    install("silent", "exit 4")
    assert probes.program(["helm"], []) == Finding(enough=True, here="3.14.2")
    assert probes.program(["valkey-server", "redis-server"], []) == Finding(enough=True, here="7.0.15")
    assert probes.program(["nvidia-smi"], [], ".+") == Finding(enough=True, here="NVIDIA H100, 550.54")
    assert probes.program(["broken"], []) == Finding(enough=False, here="broken: cannot open display")
    assert probes.program(["silent"], []) == Finding(enough=False, here="silent: exit status 4")
    assert probes.program(["absent"], []) == Finding(enough=False, here="not found")


def test_a_program_that_hangs_or_cannot_run_is_reported(
    install: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_ANSWERS_WITHIN_S", 0.1)
    install("hanging", "exec /bin/sleep 60")
    assert probes.program(["hanging"], []) == Finding(enough=False, here="hanging: no answer")
    install("foreign", "")
    (tmp_path / "foreign").write_bytes(b"\x7fELF not really")
    assert "Exec format error" in probes.program(["foreign"], []).here


def test_docker_needs_its_engine(install: Callable[[str, str], None]) -> None:
    assert probes.docker() == Finding(enough=False, here="not found")
    install("docker", "echo 'Cannot connect to the Docker daemon'; exit 1")
    assert probes.docker() == Finding(enough=False, here="client only: the engine does not answer")
    install("docker", "echo 26.1.0")
    assert probes.docker() == Finding(enough=True, here="engine 26.1.0")


def test_only_levels_of_this_checkout_are_judged(tmp_path: Path) -> None:
    assert present(tmp_path) == []
    (tmp_path / LEVELS[1].folder).mkdir()
    assert present(tmp_path) == [LEVELS[1]]
    rows = needs(tmp_path)
    assert [row.by for row in rows if row.what.startswith("ports")] == ["level 2"]
    assert {row.levels for row in rows} == {(2,), ()}
    assert [row.what for row in rows if not row.levels] == [
        "cores", "Docker engine", "minikube", "kubectl", "helm", "NVIDIA driver", "Prometheus", "Valkey or Redis",
        "libgomp1",
    ]  # fmt: skip


def test_every_row_of_the_table_is_probed_for_real(tmp_path: Path) -> None:
    (tmp_path / LEVELS[0].folder).mkdir()
    for need in needs(tmp_path):
        assert need.probe().here


def test_what_is_missing_shows_its_remedy_and_stops_only_the_levels_that_need_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [found(enough=True), found(enough=False), found(enough=False, levels=(2,))]
    assert report(rows, LEVELS[:2], make_console()) is False
    _, good, optional, missing, *verdicts = capsys.readouterr().out.splitlines()
    assert good.split() == ["ok", "a", "tool", "make", "x", "what", "is", "here"]
    assert optional.split() == ["optional", "a", "tool", "make", "x", "what", "is", "here", "→", "get", "it"]
    assert missing.startswith("missing ")
    assert verdicts == ["level 1 runs here: make up-1", "level 2 cannot run here yet: a tool"]


def test_optional_tools_alone_do_not_fail_the_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([found(enough=False)], LEVELS[:1], make_console()) is True
    assert "level 1 runs here" in capsys.readouterr().out


def test_the_command_prints_the_table_of_this_machine() -> None:
    done = subprocess.run([sys.executable, "-m", "course.doctor"], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    assert "Docker engine" in done.stdout
    assert "level 1 " in done.stdout
    assert "\x1b" not in done.stdout
