"""Reading a SeldonDeployment: what it means, and what makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from graph_router.adapters.deployment_yaml import load_deployment, read_deployment
from graph_router.domain.graph import Call, Endpoint, GraphError

if TYPE_CHECKING:
    from pathlib import Path


def unit(name: str = "model", kind: str = "MODEL", *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    endpoint = {"service_host": "127.0.0.1", "httpPort": 9000, "grpcPort": 9500}
    return {"name": name, "type": kind, "endpoint": endpoint, "children": list(children), **more}


def predictor(name: str = "default", **more: Any) -> dict[str, Any]:
    return {"name": name, "graph": unit(), **more}


def document(*predictors: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"kind": "SeldonDeployment", "metadata": {"name": "test"}, "spec": {"predictors": list(predictors), **spec}}


def test_types_become_calls() -> None:
    graph = unit(
        "c", "COMBINER", unit("o", "OUTPUT_TRANSFORMER", unit("t", "TRANSFORMER", unit())), unit("r", "ROUTER")
    )
    deployment = read_deployment(document(predictor(graph=graph)))
    calls = {each.name: each.calls for each in deployment.predictors[0].graph.walk()}
    assert calls == {
        "c": {Call.AGGREGATE},
        "o": {Call.TRANSFORM_OUTPUT},
        "t": {Call.TRANSFORM_INPUT},
        "model": {Call.PREDICT, Call.FEEDBACK},
        "r": {Call.ROUTE, Call.FEEDBACK},
    }


def test_a_lone_predictor_has_all_traffic_and_defaults() -> None:
    (only,) = read_deployment(document(predictor())).predictors
    assert (only.traffic, only.shadow, only.version, only.rest_timeout_s, only.grpc_timeout_s) == (100, False, "", 5, 5)
    assert only.graph.endpoint == Endpoint("127.0.0.1", 9000, 9500, grpc=False)


def test_a_shadow_without_traffic_gets_all_copies() -> None:
    deployment = read_deployment(
        document(predictor(), predictor("s", shadow=True), predictor("t", shadow=True, traffic=5))
    )
    assert [each.name for each in deployment.live] == ["default"]
    assert [(each.name, each.traffic) for each in deployment.shadows] == [("s", 100), ("t", 5)]


def test_a_predictors_annotation_wins_over_the_deployments() -> None:
    timeout = "seldon.io/rest-timeout"
    own = predictor(annotations={timeout: "250", "version": "7"})
    (read,) = read_deployment(document(own, annotations={timeout: "900", "seldon.io/grpc-timeout": "800"})).predictors
    assert (read.rest_timeout_s, read.grpc_timeout_s, read.version) == (0.25, 0.8, "7")


@pytest.mark.parametrize(
    ("transport", "kind", "grpc"),
    [("rest", None, False), ("grpc", None, True), ("grpc", "REST", False), ("rest", "GRPC", True)],
)
def test_a_units_own_endpoint_type_wins_over_the_transport(transport: str, kind: str | None, grpc: bool) -> None:  # noqa: FBT001
    graph = unit()
    if kind:
        graph["endpoint"]["type"] = kind
    (read,) = read_deployment(document(predictor(graph=graph), transport=transport)).predictors
    assert read.graph.endpoint
    assert read.graph.endpoint.grpc is grpc
    assert str(read.graph.endpoint) == ("127.0.0.1:9500" if grpc else "127.0.0.1:9000")


@pytest.mark.parametrize(
    ("image", "name", "version"),
    [
        ("recommender-model:0.1.0", "recommender-model", "0.1.0"),
        ("model", "model", ""),
        ("", "", ""),
        ("r:5/m:1", "r", ""),
    ],
)
def test_the_image_is_cut_as_the_executor_cuts_it(image: str, name: str, version: str) -> None:
    specs = [{"spec": {"containers": [{"name": "model", "image": image}]}}]
    (read,) = read_deployment(document(predictor(componentSpecs=specs))).predictors
    assert (read.graph.image, read.graph.version) == (name, version)


def test_a_legacy_service_port_is_the_http_port() -> None:
    graph = {"name": "m", "type": "MODEL", "endpoint": {"service_host": "h", "service_port": 80}}
    (read,) = read_deployment(document(predictor(graph=graph))).predictors
    assert read.graph.endpoint == Endpoint("h", 80)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (unit(kind="MODLE"), "unit model: type MODLE: expected one of MODEL, TRANSFORMER, "),
        (unit(methods=["GUESS"]), "unit model: method GUESS: expected one of TRANSFORM_INPUT, "),
        (unit(implementation="SIMPLE_MODEL"), "unit model: implementation SIMPLE_MODEL: expected RANDOM_ABTEST or "),
        ({"name": "m", "type": "MODEL"}, "unit m: no endpoint: give it one with service_host and httpPort or grpcPort"),
        (unit("m", "TRANSFORMER", unit("m")), "unit m: given 2 times: expected unique names"),
        (
            {"name": "m", "type": "MODEL", "endpoint": {"httpPort": 1, "type": "GRPC"}},
            "unit m: endpoint.grpcPort: missing: expected a port, for the unit is called over gRPC",
        ),
        (
            {"name": "ab", "implementation": "RANDOM_ABTEST", "children": [unit("a"), unit("b")]},
            "unit ab: parameter ratioA None: expected a share from 0 to 1",
        ),
        (
            {"name": "ab", "implementation": "RANDOM_ABTEST", "parameters": [{"name": "ratioA", "value": "0.5"}]},
            "unit ab: ratioA 0.5 with 0 children: expected a share from 0 to 1 and two children",
        ),
    ],
)
def test_a_graph_that_makes_no_sense_is_refused(graph: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError) as refused:
        read_deployment(document(predictor(graph=graph)))
    assert str(refused.value).startswith(f"predictor default: {message}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (document(predictor(traffic=90)), "traffic default 90: sums to 90, expected 100"),
        (document(predictor(), predictor("b")), "traffic default 0, b 0: sums to 0, expected 100"),
        (
            document(predictor(shadow=True)),
            "deployment test: only shadows: expected a live predictor",
        ),
        (
            document(predictor(annotations={"seldon.io/rest-timeout": "2s"})),
            "predictor default: annotation seldon.io/rest-timeout 2s: expected milliseconds, a whole number above 0",
        ),
    ],
)
def test_a_deployment_that_makes_no_sense_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError) as refused:
        read_deployment(given)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "expected a YAML file with a SeldonDeployment"), ("kind: Service", "no SeldonDeployment among its 1")],
)
def test_a_file_without_a_deployment_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(GraphError, match=message) as refused:
        load_deployment(path)
    assert str(refused.value).startswith(str(path))
    with pytest.raises(GraphError, match="No such file"):
        load_deployment(tmp_path / "none.yaml")
