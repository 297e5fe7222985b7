"""``make observe``: the whole of it in containers where Docker is, else Prometheus alone where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from workbench.observe.errors import ObserveError
from workbench.stack import HttpReady, Process, Stack, StackError, TcpReady, find_started
from workbench.stack import down as stop
from workbench.stack import up as start
from workbench.terminal import make_table
from workbench.versions import ROOT

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["RUN_DIR", "compose_command", "down", "placed", "prometheus_stack", "up"]

RUN_DIR = Path(".run/observe")

_CONFIG = ROOT / "infra" / "prometheus" / "prometheus.yml"
_COMPOSE = ROOT / "infra" / "compose.yaml"
_PORT = 9090
_LEVELS = (1, 2, 3)
_PAGES = {
    "Grafana": ("http://127.0.0.1:3000", "dashboards"),
    "Prometheus": ("http://127.0.0.1:9090/alerts", "alerts and queries"),
    "Jaeger": ("http://127.0.0.1:16686", "traces, once a level starts with OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"),
    "Kibana": ("http://127.0.0.1:5601/app/dashboards#/view/serving-logs", "logs"),
}  # fmt: skip


def up(console: Console, *, containers: bool = True, port: int = _PORT) -> None:
    """Start what watches the levels, print where it is and what it sees.

    Args:
        console: where to.
        containers: whether to use Docker if it is there.
        port: where Prometheus listens if it is started without Docker.

    Raises:
        ObserveError: nothing could be started, and why.
    """
    compose = compose_command() if containers else None
    if compose:
        RUN_DIR.parent.mkdir(exist_ok=True)  # else Docker would make it, as root
        _compose(compose, "up", "--detach", "--wait")
        pages = _PAGES
    else:
        _start_prometheus(console, port)
        console.print(
            "without Docker there is no Grafana, Jaeger or ELK; `make trace-N` and `make query-N` need none of them"
        )
        pages = {"Prometheus": (f"http://127.0.0.1:{port}/alerts", "alerts and queries")}
    table = make_table(console, "what", "where", "for")
    for name, (address, use) in pages.items():
        table.add_row(name, address, use)
    console.print(table)
    console.print(_targets(console, _CONFIG if compose else placed()))


def down(console: Console) -> None:
    """Stop it again, containers and process; what they stored stays.

    Raises:
        ObserveError: something could not be stopped.
    """
    compose = compose_command()
    if compose:
        _compose(compose, "down")
    try:
        stop(prometheus_stack("prometheus"), console)
    except StackError as error:
        raise ObserveError(str(error)) from None


def compose_command() -> list[str] | None:
    """``docker compose`` if it is there and an engine answers, else None."""
    for probe in (["docker", "compose", "version"], ["docker", "info"]):
        try:
            done = subprocess.run(probe, capture_output=True, check=False, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            return None
    return ["docker", "compose", "--file", str(_COMPOSE)]


def prometheus_stack(program: str, port: int = _PORT, config: Path = _CONFIG) -> Stack:
    """Prometheus as a supervised process that keeps a week of samples below `RUN_DIR`."""
    address = f"127.0.0.1:{port}"
    home = RUN_DIR.resolve()
    process = Process(
        "prometheus",
        [
            program,
            f"--config.file={os.path.relpath(config)}",
            f"--storage.tsdb.path={os.path.relpath(home / 'data')}",
            "--storage.tsdb.retention.time=7d",
            f"--web.listen-address={address}",
        ],
        HttpReady(f"http://{address}/-/ready"),
        ports={"http": port},
        inherits=(),
    )
    return Stack("observe", [process], home)


def _start_prometheus(console: Console, port: int) -> None:
    program = shutil.which("prometheus")
    if program is None:
        raise ObserveError(
            "nothing to observe with: `docker compose` does not answer, and prometheus is not on PATH "
            "(Debian: apt-get install prometheus); `make trace-N` and `make query-N` work without either"
        )
    try:
        start(prometheus_stack(program, port, placed()), console)
    except StackError as error:
        raise ObserveError(str(error)) from None


def _compose(command: list[str], *arguments: str) -> None:
    done = subprocess.run([*command, *arguments], check=False)
    if done.returncode:
        raise ObserveError(
            f"{' '.join([*command, *arguments])}: exit status {done.returncode}; "
            "`python -m workbench.observe up --no-containers` starts Prometheus alone, where it is installed"
        )


def placed() -> Path:
    """The configuration with the ports on which the levels of this clone were started; those left out keep theirs."""
    settings = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))
    settings["rule_files"] = [str(_CONFIG.parent / pattern) for pattern in settings["rule_files"]]
    ports = {job: found for level in _LEVELS for job, found in _scraped(level).items()}
    for job in settings["scrape_configs"]:
        if job["job_name"] in ports:
            job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in ports[job["job_name"]]]}]
    placed = RUN_DIR / "prometheus.yml"
    placed.parent.mkdir(parents=True, exist_ok=True)
    placed.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return placed


def _scraped(level: int) -> dict[str, list[int]]:
    found = find_started(level)
    return found.scrape if found else {}


def _targets(console: Console, config: Path) -> Any:
    """What Prometheus is told to scrape, and whether anything listens there."""
    table = make_table(console, "scraped", "target", "")
    for job in yaml.safe_load(config.read_text(encoding="utf-8"))["scrape_configs"]:
        for target in (target for static in job["static_configs"] for target in static["targets"]):
            if job["job_name"] != "prometheus":
                missing = TcpReady(urlsplit(f"//{target}").port or 80).missing()
                table.add_row(job["job_name"], target, "down: `make up-N` starts a level" if missing else "up")
    return table
