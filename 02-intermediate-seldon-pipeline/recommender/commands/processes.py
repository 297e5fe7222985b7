"""The processes of level 2: inventory, components and router, as the deployment that was placed here says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from graph_router.domain.graph import GraphError
from graph_router.settings import RouterSettings
from recommender.adapters.artefact import ArtefactError
from recommender.adapters.inventory import RIGHTS
from recommender.commands.operator import PlacedDeployment, find_deployment, place
from servekit.valkey import valkey_command
from servekit.valkey_users import write_users
from workbench.environment import OBSERVED
from workbench.manifests import ManifestError, build, load
from workbench.stack import HttpReady, Process, Stack, StackError, TcpReady

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recommender.settings import RecommenderSettings

__all__ = ["GRAPH", "RUN_DIR", "SPARE", "USUAL", "model_port", "placed", "placed_last", "render", "stack_of"]

RUN_DIR = Path(".run/2")
USUAL = RUN_DIR / "served" / "recommender"
"""What the registry's champion was resolved to last."""
SPARE = RUN_DIR / "served" / "recommender-b"
"""The champion, while its steps run on the spare ports."""
GRAPH = RUN_DIR / "seldondeployment.yaml"
_STEP_HOST = "RECOMMENDER_STEP_HOST"
_INHERITED = ("RECOMMENDER_*", "SELDON_*", "GUNICORN_*", *OBSERVED)


def render(settings: RecommenderSettings) -> dict[str, Any]:
    """The deployment that the settings name, as it is written.

    Raises:
        StackError: it cannot be rendered.
    """
    source = settings.deployment
    try:
        documents = build(source) if source.is_dir() else load(source)
        return find_deployment([document.body for document in documents])
    except (GraphError, ManifestError, FileNotFoundError) as error:
        raise StackError(str(error)) from None


def placed_last(settings: RecommenderSettings) -> PlacedDeployment:
    """The deployment that was placed here last, or an empty one: ``down`` works even when its file is damaged."""
    try:
        return placed(find_deployment(list(yaml.safe_load_all(GRAPH.read_text(encoding="utf-8")))), settings)
    except (FileNotFoundError, yaml.YAMLError, GraphError, StackError):
        return PlacedDeployment({}, [])


def placed(document: Mapping[str, Any], settings: RecommenderSettings) -> PlacedDeployment:
    """A deployment on this machine, its stable steps on the spare ports where they serve `SPARE`.

    Raises:
        StackError: it cannot be placed.
    """
    try:
        return place(document, settings, spare=settings.champion_dir == SPARE)
    except (GraphError, ArtefactError) as error:
        raise StackError(str(error)) from None


def model_port(settings: RecommenderSettings) -> int:
    """The HTTP port of the stable predictor's model: the usual one, or a spare one after a promotion."""
    steps = placed_last(settings).processes
    return next((step.port for step in steps if step.stable and step.name.startswith("model")), settings.model_port)


def stack_of(deployment: PlacedDeployment, settings: RecommenderSettings) -> Stack:
    """The level's processes, each after those that it depends on.

    Raises:
        StackError: there is no server for the inventory.
    """
    run_dir = RUN_DIR.resolve()
    try:
        users = write_users(settings.logins_dir.absolute(), "inventory", RIGHTS)
        command = valkey_command(settings.valkey_port, run_dir / "inventory", users=users)
    except FileNotFoundError as error:
        raise StackError(str(error)) from None
    ports = {"valkey": settings.valkey_port}
    inventory = Process("inventory", command, TcpReady(settings.valkey_port), ports=ports, inherits=())
    processes = [inventory, *_steps(deployment), _router(settings, run_dir)]
    scrape = {"recommender": [settings.port], "recommender-steps": [step.port + 2 for step in deployment.processes]}
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
            "RECOMMENDERGRAPH": str(GRAPH.resolve()),
            "TELEMETRY_TRACE_FILE": str(run_dir / "traces.jsonl"),
        },
        inherits=_INHERITED,
    )
