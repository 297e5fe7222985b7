"""Stands in for Seldon's operator on a bare machine: gives each unit of a deployment a process and an endpoint.

It differs from a cluster in three ways. Containers that are equal in name, image and environment run once for all
predictors. A process runs from the checkout, not from an image. This machine's folders and address replace
``/models/recommender``, ``/inventory-login`` and ``redis://inventory:6379`` in a container's environment.

``/models/recommender/1`` is what the stable predictor serves. The containers that name it run on their usual ports or,
after a promotion, under another name on the spare ones. A predictor whose model is among them has that model's version.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from graph_router.domain.graph import GraphError
from recommender.adapters.artefact import Artefact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from recommender.settings import RecommenderSettings

__all__ = ["PlacedDeployment", "StepProcess", "find_deployment", "place", "units_of", "write"]

_PYTHON = Path(".venvs/seldon/bin/python")
_INVENTORY = "redis://inventory:6379"
_MODELS = "/models/recommender"
_STABLE = f"{_MODELS}/1"
_LOGIN = "/inventory-login/"
_COMPONENTS = "recommender.entrypoints.components"
# What runs in a container of each image, by the name that its entry point gives it.
_COMPONENT_OF = {f"recommender-{name}": name for name in ("preprocessor", "model", "postprocessor")}


class StepProcess(NamedTuple):
    """The process of a component, with HTTP on ``port``, gRPC and metrics on the two ports after it.

    Attributes:
        stable: whether it serves the model of the stable predictor.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    port: int
    stable: bool = False


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


def place(document: Mapping[str, Any], settings: RecommenderSettings, *, spare: bool = False) -> PlacedDeployment:
    """The deployment with an endpoint for each unit, and the processes that listen there.

    Args:
        document: the deployment.
        settings: folders and ports.
        spare: whether the stable predictor's steps run on the spare ports.

    Raises:
        GraphError: a unit has no container, or its image or its name is not one of the pipeline's.
        ArtefactError: the stable predictor's artefact has no card.
    """
    placed = copy.deepcopy(dict(document))
    _say_version(placed, settings)
    processes: dict[str, StepProcess] = {}
    everyone = [each for predictor in placed["spec"]["predictors"] for each in _containers(predictor)]
    ports = _Ports(settings, {each["name"] for each in everyone if _is_stable(each)}, spare=spare)
    for predictor in placed["spec"]["predictors"]:
        containers = {container["name"]: container for container in _containers(predictor)}
        for unit in units_of(predictor["graph"]):
            if unit["name"] not in containers:
                raise GraphError(f"predictor {predictor['name']}: unit {unit['name']} has no container of that name")
            container = containers[unit["name"]]
            identity = json.dumps([container["name"], container["image"], container.get("env") or []])
            if identity not in processes:
                processes[identity] = _process(placed, predictor, container, settings, ports)
            port = processes[identity].port
            own = {"service_host": "127.0.0.1", "httpPort": port, "grpcPort": port + 1}
            unit["endpoint"] = {**(unit.get("endpoint") or {}), **own}
    return PlacedDeployment(placed, list(processes.values()))


def write(placed: PlacedDeployment, path: Path) -> None:
    """Writes the deployment where the router reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(placed.document, sort_keys=False), encoding="utf-8")


def _containers(predictor: Mapping[str, Any]) -> list[dict[str, Any]]:
    specs = predictor.get("componentSpecs") or []
    return [container for component in specs for container in component["spec"]["containers"]]


def units_of(unit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A unit of a graph and all below it, parents first."""
    yield unit
    for child in unit.get("children") or []:
        yield from units_of(child)


def _say_version(placed: Mapping[str, Any], settings: RecommenderSettings) -> None:
    """Gives the stable predictors the version of the champion, where one was resolved."""
    if settings.champion_dir is None:
        return
    version = Artefact(settings.champion_dir).card().version
    for predictor in placed["spec"]["predictors"]:
        if any(_is_stable(each) for each in _containers(predictor) if each["name"] == "model"):
            for where in ("annotations", "labels"):
                predictor[where] = {**(predictor.get(where) or {}), "version": version}


def _is_stable(container: Mapping[str, Any]) -> bool:
    return any(entry.get("value") == _STABLE for entry in container.get("env") or [])


class _Ports:
    """Gives each process its name and its port.

    Args:
        settings: have the ports.
        stable: names of containers that serve the stable predictor's model; the usual ports are kept for them.
        spare: whether those run on the spare ports now.
    """

    def __init__(self, settings: RecommenderSettings, stable: Collection[str], *, spare: bool) -> None:
        self._usual = {
            "preprocessor": [settings.preprocessor_port],
            "model": [settings.model_port, settings.second_model_port],
            "postprocessor": [settings.postprocessor_port],
        }
        self._spare = {name: settings.spare_port + 3 * number for number, name in enumerate(self._usual)}
        self._stable, self._is_spare = stable, spare
        self._taken: set[int] = set()

    def of(self, predictor: str, container: Mapping[str, Any]) -> tuple[str, int]:
        """The name and the port of a container's process.

        Raises:
            GraphError: there is none left.
        """
        name = container["name"]
        usual = self._usual.get(name, [])
        if not _is_stable(container):
            usable = usual[1:] if name in self._stable else usual
        else:
            usable = [self._spare[name]] if self._is_spare and name in self._spare else usual[:1]
        port = next((each for each in usable if each not in self._taken), None)
        if port is None:
            raise GraphError(f"predictor {predictor}: no port left for another {name}")
        self._taken.add(port)
        end = "-b" if port == self._spare[name] else "" if port == usual[0] else "-2"
        return f"{name}{end}", port


def _process(
    document: Mapping[str, Any],
    predictor: Mapping[str, Any],
    container: Mapping[str, Any],
    settings: RecommenderSettings,
    ports: _Ports,
) -> StepProcess:
    name, image = container["name"], container["image"]
    component = _COMPONENT_OF.get(image.rpartition("/")[2].partition(":")[0])
    if component is None:
        raise GraphError(f"container {name}: image {image}: expected one of {', '.join(_COMPONENT_OF)}")
    process, port = ports.of(predictor["name"], container)
    environment = {
        "SELDON_DEPLOYMENT_ID": document["metadata"]["name"],
        "PREDICTOR_ID": predictor["name"],
        "PREDICTIVE_UNIT_ID": name,
        "PREDICTIVE_UNIT_IMAGE": image,
        "PREDICTOR_LABELS": json.dumps({"version": (predictor.get("annotations") or {}).get("version", "")}),
        "SELDON_LOG_LEVEL": "WARNING",
        **{entry["name"]: _here(entry["value"], settings) for entry in container.get("env") or []},
    }
    return StepProcess(process, _command(component, port), environment, port, _is_stable(container))


def _command(component: str, port: int) -> list[str]:
    ports = ["--http-port", str(port), "--grpc-port", str(port + 1), "--metrics-port", str(port + 2)]
    seldon = [str(_PYTHON.absolute()), "-m", _COMPONENTS, component, *ports]
    return [sys.executable, "-m", "recommender.commands.step_process", *seldon]


def _here(value: str, settings: RecommenderSettings) -> str:
    if value == _INVENTORY:
        return f"redis://127.0.0.1:{settings.valkey_port}"
    if value == _STABLE:
        return str(settings.stable_dir.absolute())
    if value == _MODELS or value.startswith(f"{_MODELS}/"):
        return f"{settings.models_dir.absolute()}{value.removeprefix(_MODELS)}"
    if value.startswith(_LOGIN):
        return str(settings.logins_dir.absolute() / value.removeprefix(_LOGIN))
    return value
