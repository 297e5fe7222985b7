"""Stands in for Seldon's operator on a bare machine: gives each unit of a deployment a process and an endpoint.

It differs from a cluster in three ways. Containers that are equal in name, image and environment run once for all
predictors. A process runs from the checkout, not from an image. This machine's folders and address replace
``/models/recommender``, ``/inventory-login`` and ``redis://inventory:6379`` in a container's environment.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from graph_router.domain.graph import GraphError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from recommender.settings import RecommenderSettings

__all__ = ["PlacedDeployment", "StepProcess", "find_deployment", "place", "write"]

_PYTHON = Path(".venvs/seldon/bin/python")
_INVENTORY = "redis://inventory:6379"
_MODELS = "/models/recommender"
_LOGIN = "/inventory-login/"
_COMPONENTS = "recommender.entrypoints.components"
# What runs in a container of each image, by the name that its entry point gives it.
_COMPONENT_OF = {f"recommender-{name}": name for name in ("preprocessor", "model", "postprocessor")}


class StepProcess(NamedTuple):
    """The process of a component, with HTTP on ``port``, gRPC and metrics on the two ports after it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    port: int


class PlacedDeployment(NamedTuple):
    """A deployment whose units all have endpoints, and the processes that listen there."""

    document: dict[str, Any]
    processes: list[StepProcess]


def find_deployment(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The only SeldonDeployment among the documents.

    Raises:
        GraphError: there is none, or more than one.
    """
    found = [document for document in documents if document.get("kind") == "SeldonDeployment"]
    if len(found) != 1:
        raise GraphError(f"{len(found)} SeldonDeployments: expected one")
    return found[0]


def place(document: Mapping[str, Any], settings: RecommenderSettings) -> PlacedDeployment:
    """The deployment with an endpoint for each unit, and the processes that listen there.

    Raises:
        GraphError: a unit has no container, or its image or its name is not one of the pipeline's.
    """
    placed = copy.deepcopy(dict(document))
    processes: dict[str, StepProcess] = {}
    for predictor in placed["spec"]["predictors"]:
        containers = {
            container["name"]: container
            for component in predictor.get("componentSpecs") or []
            for container in component["spec"]["containers"]
        }
        for unit in _units(predictor["graph"]):
            if unit["name"] not in containers:
                raise GraphError(f"predictor {predictor['name']}: unit {unit['name']} has no container of that name")
            container = containers[unit["name"]]
            identity = json.dumps([container["name"], container["image"], container.get("env") or []])
            if identity not in processes:
                taken = {process.port for process in processes.values()}
                processes[identity] = _process(placed, predictor, container, settings, taken)
            port = processes[identity].port
            own = {"service_host": "127.0.0.1", "httpPort": port, "grpcPort": port + 1}
            unit["endpoint"] = {**(unit.get("endpoint") or {}), **own}
    return PlacedDeployment(placed, list(processes.values()))


def write(placed: PlacedDeployment, path: Path) -> None:
    """Writes the deployment where the router reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(placed.document, sort_keys=False), encoding="utf-8")


def _units(unit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield unit
    for child in unit.get("children") or []:
        yield from _units(child)


def _process(
    document: Mapping[str, Any],
    predictor: Mapping[str, Any],
    container: Mapping[str, Any],
    settings: RecommenderSettings,
    taken: set[int],
) -> StepProcess:
    name, image = container["name"], container["image"]
    component = _COMPONENT_OF.get(image.rpartition("/")[2].partition(":")[0])
    if component is None:
        raise GraphError(f"container {name}: image {image}: expected one of {', '.join(_COMPONENT_OF)}")
    ports = {
        "preprocessor": [settings.preprocessor_port],
        "model": [settings.model_port, settings.second_model_port],
        "postprocessor": [settings.postprocessor_port],
    }
    port = next((port for port in ports.get(name, []) if port not in taken), None)
    if port is None:
        raise GraphError(f"predictor {predictor['name']}: no port left for another {name}")
    second = port != ports[name][0]
    environment = {
        "SELDON_DEPLOYMENT_ID": document["metadata"]["name"],
        "PREDICTOR_ID": predictor["name"],
        "PREDICTIVE_UNIT_ID": name,
        "PREDICTIVE_UNIT_IMAGE": image,
        "PREDICTOR_LABELS": json.dumps({"version": (predictor.get("annotations") or {}).get("version", "")}),
        "SELDON_LOG_LEVEL": "WARNING",
        **{entry["name"]: _here(entry["value"], settings) for entry in container.get("env") or []},
    }
    return StepProcess(f"{name}-2" if second else name, _command(component, port), environment, port)


def _command(component: str, port: int) -> list[str]:
    ports = ["--http-port", str(port), "--grpc-port", str(port + 1), "--metrics-port", str(port + 2)]
    seldon = [str(_PYTHON.absolute()), "-m", _COMPONENTS, component, *ports]
    return [sys.executable, "-m", "recommender.commands.step_process", *seldon]


def _here(value: str, settings: RecommenderSettings) -> str:
    if value == _INVENTORY:
        return f"redis://127.0.0.1:{settings.valkey_port}"
    if value == _MODELS or value.startswith(f"{_MODELS}/"):
        return f"{settings.models_dir.absolute()}{value.removeprefix(_MODELS)}"
    if value.startswith(_LOGIN):
        return str(settings.logins_dir.absolute() / value.removeprefix(_LOGIN))
    return value
