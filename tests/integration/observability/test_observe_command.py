from __future__ import annotations

import os
import shutil
from io import StringIO
from typing import TYPE_CHECKING

import httpx
import pytest
from rich.console import Console

from tests.listeners import beyond_loopback, listeners
from tests.web_page import answer, forms
from workbench.observe import ObserveError
from workbench.observe.__main__ import main
from workbench.observe.deployment import compose_command, down, up
from workbench.stack.inspection import members

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAKE_DOCKER = """#!/bin/sh
echo "$@" >> {log}
case "$1 $2" in "compose --file") exit {code};; esac
"""


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Puts a stand-in for docker first on PATH that notes what it is asked; returns the notes."""

    def install(code: int) -> Path:
        log = tmp_path / "asked"
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(FAKE_DOCKER.format(log=log, code=code))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        return log

    return install


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not on PATH")
def test_without_docker_prometheus_runs_supervised_until_down(tmp_path: Path, free_port: int) -> None:
    out = StringIO()
    console = Console(file=out, width=200)
    try:
        up(console, containers=False, port=free_port)
        config = httpx.get(f"http://127.0.0.1:{free_port}/api/v1/status/config", trust_env=False).json()
        assert "job_name: iris-api" in config["data"]["yaml"]
        rules = httpx.get(f"http://127.0.0.1:{free_port}/api/v1/rules", trust_env=False).json()["data"]["groups"]
        assert {"slo-alerts", "targets"} <= {group["name"] for group in rules}
        for path in (
            "/-/quit",
            "/-/reload",
            "/api/v1/admin/tsdb/delete_series?match[]=up",
            "/api/v1/admin/tsdb/snapshot",
        ):
            for request in forms(free_port, path, b""):
                assert answer(free_port, request).status >= 400, "a page in a browser changes nothing"
        home = tmp_path / ".run" / "observe"
        assert {each.port for each in listeners(members(home))} == {free_port}
        assert beyond_loopback(listeners(members(home))) == set()
    finally:
        down(console)
    assert members(tmp_path / ".run" / "observe") == []
    assert "without Docker there is no Grafana, Jaeger or ELK" in out.getvalue()
    assert f"http://127.0.0.1:{free_port}/alerts" in out.getvalue()
    assert "127.0.0.1:8100" in out.getvalue()


def test_with_nothing_to_run_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["up"]) == 1
    assert capsys.readouterr().err.startswith(
        "error: nothing to observe with: `docker compose` does not answer, and prometheus is not on PATH (Debian: "
    )


def test_with_docker_compose_everything_starts_and_every_page_is_named(
    docker: Callable[[int], Path], tmp_path: Path
) -> None:
    asked, out = docker(0), StringIO()
    up(Console(file=out, width=200))
    down(Console(file=out, width=200))
    lines = asked.read_text().splitlines()
    assert [line.split("compose.yaml ")[-1] for line in lines if "--file" in line] == ["up --detach --wait", "down"]
    assert all(name in out.getvalue() for name in ("Grafana", "Prometheus", "Jaeger", "Kibana"))
    assert (tmp_path / ".run").is_dir(), "Docker would make it as root"


def test_when_compose_fails_the_error_names_the_way_without_it(docker: Callable[[int], Path]) -> None:
    docker(1)
    with pytest.raises(ObserveError, match=r"up --detach --wait: exit status 1; `python -m .* up --no-containers`"):
        up(Console(file=StringIO()))


def test_without_an_engine_there_is_no_compose(docker: Callable[[int], Path], tmp_path: Path) -> None:
    docker(0)
    program = tmp_path / "bin" / "docker"
    program.write_text('#!/bin/sh\ntest "$1" = compose\n')
    assert compose_command() is None


def test_a_real_levels_trace_is_drawn_and_its_logs_are_counted(
    level_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(level_run.parents[1])
    assert main(["trace", "1"]) == 0
    sql = "from logs join spans using (trace_id) select min(trace_id) where route = '/v1/predict' and logs.status = 200"
    assert main(["query", "1", sql]) == 0
    trace_id = capsys.readouterr().out.split()[-1]
    assert main(["trace", "1", "--id", trace_id]) == 0
    drawn = capsys.readouterr().out
    assert drawn.startswith(f"trace {trace_id}  ")
    assert "http.route=/v1/predict" in drawn
    assert [line.split()[0] for line in drawn.splitlines()[-3:]] == ["decode", "infer", "encode"]
    assert main(["query", "1", "select count(*) >= 10 from logs where route = '/v1/predict' and duration_ms > 0"]) == 0
    assert capsys.readouterr().out.split()[-1] == "True"


def test_no_feature_of_a_request_reaches_the_logs_or_the_traces(level_run: Path) -> None:
    written = (level_run / "logs" / "iris-api.log").read_text() + (level_run / "traces.jsonl").read_text()
    assert not any(trace_of_a_feature in written for trace_of_a_feature in ("sepal", "petal", ".123454"))
