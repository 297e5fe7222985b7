"""``make up-2``, ``down-2``, ``status-2`` and ``logs-2``: inventory, components and router under supervision.

``up`` renders the deployment that RECOMMENDER_DEPLOYMENT names (by default ``deploy/base``; e.g.
``…/deploy/overlays/canary``), places it on this machine and writes it to ``.run/2/seldondeployment.yaml``. The other
commands take the deployment that was placed there last.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from graph_router.domain.graph import GraphError
from graph_router.settings import RouterSettings
from recommender.adapters.inventory import RIGHTS
from recommender.commands.operator import PlacedDeployment, find_deployment, place, write
from recommender.settings import RecommenderSettings
from servekit.valkey import valkey_command
from servekit.valkey_users import write_users
from workbench.environment import OBSERVED
from workbench.manifests import ManifestError, build, load
from workbench.stack import HttpReady, Process, Stack, StackError, TcpReady, main, remember

__all__ = ["RUN_DIR", "stack"]

RUN_DIR = Path(".run/2")
_GRAPH = RUN_DIR / "seldondeployment.yaml"
_STEP_HOST = "RECOMMENDER_STEP_HOST"
_INHERITED = ("RECOMMENDER_*", "SELDON_*", "GUNICORN_*", *OBSERVED)


def stack(*, renew: bool) -> Stack:
    """The level's processes, each after those that it depends on.

    Args:
        renew: whether to render and place the deployment anew, or to take the one that was placed last.

    Raises:
        StackError: the deployment cannot be rendered or placed, or there is no server for the inventory.
    """
    settings, run_dir = RecommenderSettings(), RUN_DIR.resolve()
    try:
        placed = place(_rendered(settings), settings) if renew else _last(settings)
        users = write_users(settings.logins_dir.absolute(), "inventory", RIGHTS)
        command = valkey_command(settings.valkey_port, run_dir / "inventory", users=users)
    except (GraphError, ManifestError, FileNotFoundError) as error:
        raise StackError(str(error)) from None
    if renew:
        write(placed, _GRAPH)
        (run_dir / "inventory").mkdir(exist_ok=True)
    ports = {"valkey": settings.valkey_port}
    inventory = Process("inventory", command, TcpReady(settings.valkey_port), ports=ports, inherits=())
    processes = [inventory, *_steps(placed), _router(settings, run_dir)]
    scrape = {"recommender": [settings.port], "recommender-steps": [step.port + 2 for step in placed.processes]}
    hosts = {"RECOMMENDER_HOST": RouterSettings().host, _STEP_HOST: os.environ.get(_STEP_HOST, "127.0.0.1")}
    return Stack(
        2,
        processes,
        run_dir,
        ready_timeout_s=90,
        entrypoint="router",
        prefix="RECOMMENDER_",
        scrape=scrape,
        hosts=hosts,
    )


def _steps(placed: PlacedDeployment) -> list[Process]:
    return [
        Process(
            step.name,
            step.command,
            HttpReady(f"http://127.0.0.1:{step.port}/health/status"),
            ports={"http": step.port, "grpc": step.port + 1, "metrics": step.port + 2},
            environment=step.environment,
            inherits=_INHERITED,
        )
        for step in placed.processes
    ]


def _router(settings: RecommenderSettings, run_dir: Path) -> Process:
    return Process(
        "router",
        [sys.executable, "-m", "graph_router"],
        HttpReady(f"http://127.0.0.1:{settings.port}/ready"),
        ports={"http": settings.port},
        environment={
            "RECOMMENDER_GRAPH": str(_GRAPH.resolve()),
            "TELEMETRY_TRACE_FILE": str(run_dir / "traces.jsonl"),
        },
        inherits=_INHERITED,
    )


def _rendered(settings: RecommenderSettings) -> dict[str, Any]:
    source = settings.deployment
    documents = build(source) if source.is_dir() else load(source)
    return find_deployment([document.body for document in documents])


def _last(settings: RecommenderSettings) -> PlacedDeployment:
    """The deployment that was placed last, or an empty one: ``down`` works even when its file is damaged."""
    try:
        return place(find_deployment(list(yaml.safe_load_all(_GRAPH.read_text(encoding="utf-8")))), settings)
    except (FileNotFoundError, yaml.YAMLError, GraphError):
        return PlacedDeployment({}, [])


if __name__ == "__main__":
    remember(2, sys.argv[1:])
    try:
        sys.exit(main(stack(renew="up" in sys.argv[1:2])))
    except StackError as problem:
        sys.exit(f"error: {problem}")
