"""Reads a SeldonDeployment as Seldon's operator and webhook do: fills in defaults and refuses contradictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from graph_router.domain.graph import Deployment, Endpoint, GraphError, Predictor, Unit, calls_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["load_deployment", "read_deployment"]

_PERCENT = 100
_DEFAULT_TIMEOUT_MS = 5000


def load_deployment(path: Path) -> Deployment:
    """The first SeldonDeployment of a YAML file.

    Raises:
        GraphError: the file cannot be read, has no SeldonDeployment, or has one that cannot be served.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GraphError(f"{path}: {error}: expected a YAML file with a SeldonDeployment") from None
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "SeldonDeployment":
            try:
                return read_deployment(document)
            except GraphError as error:
                raise GraphError(f"{path}: {error}") from None
    raise GraphError(f"{path}: no SeldonDeployment among its {len(documents)} documents")


def read_deployment(document: Mapping[str, Any]) -> Deployment:
    """The deployment in a document that is valid by the CRD's schema.

    Raises:
        GraphError: a unit, a share of traffic or an endpoint contradicts another.
    """
    name, spec = document["metadata"]["name"], document["spec"]
    predictors = tuple(_predictor(each, spec) for each in spec["predictors"])
    deployment = Deployment(spec.get("name") or name, predictors, spec.get("annotations") or {})
    _check_traffic(deployment)
    return deployment


def _predictor(given: Mapping[str, Any], spec: Mapping[str, Any]) -> Predictor:
    annotations = {**(spec.get("annotations") or {}), **(given.get("annotations") or {})}
    live = [each for each in spec["predictors"] if not each.get("shadow")]
    shadow = bool(given.get("shadow"))
    alone = shadow or len(live) == 1
    grpc = (given.get("transport") or spec.get("transport") or "rest") == "grpc"
    try:
        graph = _unit(given["graph"], dict(_images(given)), grpc=grpc)
        _check_graph(graph)
        return Predictor(
            name=given["name"],
            graph=graph,
            traffic=given.get("traffic") or (_PERCENT if alone else 0),
            shadow=shadow,
            version=annotations.get("version", ""),
            rest_timeout_s=_timeout_s(annotations, "seldon.io/rest-timeout"),
            grpc_timeout_s=_timeout_s(annotations, "seldon.io/grpc-timeout"),
        )
    except GraphError as error:
        raise GraphError(f"predictor {given['name']}: {error}") from None


def _unit(given: Mapping[str, Any], images: Mapping[str, str], *, grpc: bool) -> Unit:
    try:
        implementation = given.get("implementation")
        split = _split(given) if implementation == "RANDOM_ABTEST" else None
        _check_implementation(implementation)
        image, *rest = images.get(given["name"], "").split(":")
        return Unit(
            name=given["name"],
            calls=calls_of(given.get("type"), given.get("methods") or []),
            children=tuple(_unit(child, images, grpc=grpc) for child in given.get("children") or []),
            endpoint=_endpoint(given.get("endpoint") or {}, grpc=grpc),
            split=split,
            image=image,
            version=rest[0] if len(rest) == 1 else "",
        )
    except GraphError as error:
        raise GraphError(f"unit {given['name']}: {error}") from None


def _check_implementation(given: str | None) -> None:
    if given not in {None, "RANDOM_ABTEST", "UNKNOWN_IMPLEMENTATION"}:
        raise GraphError(f"implementation {given}: expected RANDOM_ABTEST or a container of its own")


def _endpoint(given: Mapping[str, Any], *, grpc: bool) -> Endpoint | None:
    http, grpc_port = given.get("httpPort") or given.get("service_port") or 0, given.get("grpcPort") or 0
    if not http and not grpc_port:
        return None
    over_grpc = given["type"] == "GRPC" if given.get("type") else grpc
    endpoint = Endpoint(given.get("service_host") or "localhost", http, grpc_port, over_grpc)
    if over_grpc and not grpc_port:
        raise GraphError("endpoint.grpcPort: missing: expected a port, for the unit is called over gRPC")
    return endpoint


def _split(given: Mapping[str, Any]) -> float:
    values = {each["name"]: each["value"] for each in given.get("parameters") or []}
    try:
        share = float(values["ratioA"])
    except (KeyError, ValueError):
        raise GraphError(f"parameter ratioA {values.get('ratioA')}: expected a share from 0 to 1") from None
    children = len(given.get("children") or [])
    if not 0 <= share <= 1 or children != 2:  # noqa: PLR2004 - A and B
        raise GraphError(f"ratioA {share:g} with {children} children: expected a share from 0 to 1 and two children")
    return share


def _images(predictor: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for component in predictor.get("componentSpecs") or []:
        for container in component["spec"].get("containers") or []:
            yield container["name"], container.get("image") or ""


def _timeout_s(annotations: Mapping[str, str], name: str) -> float:
    given = annotations.get(name, str(_DEFAULT_TIMEOUT_MS))
    if not given.isdecimal() or int(given) == 0:
        raise GraphError(f"annotation {name} {given}: expected milliseconds, a whole number above 0")
    return int(given) / 1e3


def _check_graph(graph: Unit) -> None:
    names = [unit.name for unit in graph.walk()]
    for name in names:
        if names.count(name) > 1:
            raise GraphError(f"unit {name}: given {names.count(name)} times: expected unique names")
    for unit in graph.walk():
        if unit.calls and unit.endpoint is None:
            raise GraphError(f"unit {unit.name}: no endpoint: give it one with service_host and httpPort or grpcPort")


def _check_traffic(deployment: Deployment) -> None:
    if not deployment.live:
        raise GraphError(f"deployment {deployment.name}: only shadows: expected a live predictor")
    total = sum(predictor.traffic for predictor in deployment.live)
    if total != _PERCENT:
        shares = ", ".join(f"{predictor.name} {predictor.traffic}" for predictor in deployment.live)
        raise GraphError(f"traffic {shares}: sums to {total}, expected {_PERCENT}")
