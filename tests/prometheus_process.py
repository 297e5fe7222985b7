"""A real Prometheus with the real rules, and the queries of the dashboards."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from tests.patience import GENEROUS_S, until
from tests.prometheus_program import REMEDY, find
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@contextmanager
def scraping(folder: Path, port: int, targets: Mapping[str, list[str]]) -> Iterator[str]:
    """Its URL; it scrapes and evaluates every second, by the real configuration but for the jobs' targets."""
    program = find("prometheus", folder)
    if program is None:
        pytest.skip(REMEDY)
    config = yaml.safe_load((ROOT / "infra" / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(ROOT / "infra" / "prometheus" / "rules" / "*.yaml")]
    for job in config["scrape_configs"]:
        listening = targets.get(job["job_name"], [])
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"] if job["job_name"] == "prometheus" else listening}]
    assert set(targets) <= {job["job_name"] for job in config["scrape_configs"]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        *program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _is_ready(url), (folder / "log").read_text)
        yield url
    finally:
        process.terminate()
        process.wait(GENEROUS_S)


@contextmanager
def busy(base_url: str, send: Callable[[httpx.Client, int], None]) -> Iterator[None]:
    """Lets something be sent to a level ten times a second meanwhile; ``send`` is also told how often it was called."""
    over = threading.Event()

    def keep_on() -> None:
        with httpx.Client(base_url=base_url, timeout=30, trust_env=False) as client:
            for number in count():
                if over.wait(0.1):
                    return
                send(client, number)

    thread = threading.Thread(target=keep_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def queries(dashboard: str) -> Iterator[tuple[str, str]]:
    """Title of the panel and PromQL of each of its queries, with Grafana's variables filled in."""
    file = ROOT / "infra" / "grafana" / "dashboards" / f"{dashboard}.json"
    for panel in json.loads(file.read_text())["panels"]:
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$__rate_interval", "10s").replace("$level", ".*").replace("$model", ".*")
            yield f"{panel['title']} {target['refId']}", expr


def ask(url: str, expr: str) -> list[Any]:
    """The series of an instant query that have a value."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expr}, trust_env=False).json()
    assert answer["status"] == "success", answer["error"]
    found: list[Any] = answer["data"]["result"]
    return [series for series in found if series["value"][1] != "NaN"]


def wait_for_data(url: str, title: str, expr: str) -> list[Any]:
    """The series of an instant query, as soon as there are any."""
    return until(lambda: ask(url, expr), f"{title}: data from {expr}")


def wait_for_labels(url: str, expr: str, label: str, values: set[str], *, others: bool = False) -> None:
    """Returns once the series of a query have all of these values of a label, and no others unless those may be."""

    def are_there() -> bool:
        found = {series["metric"].get(label) for series in ask(url, expr)}
        return found >= values if others else found == values

    until(are_there, f"{label} {values} in {expr}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx.HTTPError:
        return False
