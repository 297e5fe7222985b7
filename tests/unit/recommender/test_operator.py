from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from graph_router.adapters.deployment_yaml import load_deployment
from graph_router.domain.graph import GraphError
from recommender.adapters.artefact import ModelCard
from recommender.commands.operator import find_deployment, place, write
from recommender.commands.processes import GRAPH, SPARE, model_port
from recommender.settings import RecommenderSettings


def container(name: str, image: str = "", **environment: str) -> dict[str, Any]:
    env = [{"name": variable, "value": value} for variable, value in environment.items()]
    return {"name": name, "image": image or f"recommender-{name}:1", "env": env}


def predictor(name: str, *containers: dict[str, Any], unit: str = "model", **more: Any) -> dict[str, Any]:
    specs = [{"spec": {"containers": list(containers)}}]
    return {"name": name, "graph": {"name": unit, "type": "MODEL"}, "componentSpecs": specs, **more}


def document(*predictors: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "SeldonDeployment", "metadata": {"name": "test"}, "spec": {"predictors": list(predictors)}}


def test_each_unit_gets_the_endpoint_that_its_process_listens_on(tmp_path: Path) -> None:
    placed = place(document(predictor("default", container("model"))), RecommenderSettings(model_port=9220))
    (process,) = placed.processes
    assert (process.name, process.port) == ("model", 9220)
    assert process.command[3:][1:] == [
        *("-m", "recommender.entrypoints.components", "model"),
        *("--http-port", "9220", "--grpc-port", "9221", "--metrics-port", "9222"),
    ]
    write(placed, tmp_path / "a" / "graph.yaml")
    endpoint = load_deployment(tmp_path / "a" / "graph.yaml").predictors[0].graph.endpoint
    assert endpoint
    assert (endpoint.host, endpoint.http_port, endpoint.grpc_port) == ("127.0.0.1", 9220, 9221)


def test_the_environment_is_the_containers_with_this_machines_places_and_seldons_names() -> None:
    folder, address = "/models/recommender/2", "redis://inventory:6379"
    login = "/inventory-login/inventory-step"
    given = container("model", RECOMMENDER_MODEL_DIR=folder, URL=address, OTHER="/models", LOGIN=login)
    settings = RecommenderSettings(models_dir=Path("/here"), valkey_port=9240, logins_dir=Path("/logins"))
    annotated = predictor("default", given, annotations={"version": "2"})
    environment = place(document(annotated), settings).processes[0].environment
    assert environment["RECOMMENDER_MODEL_DIR"] == "/here/2"
    assert (environment["URL"], environment["OTHER"]) == ("redis://127.0.0.1:9240", "/models")
    assert environment["LOGIN"] == "/logins/inventory-step"
    assert environment["PREDICTIVE_UNIT_ID"] == "model"
    assert environment["PREDICTIVE_UNIT_IMAGE"] == "recommender-model:1"
    assert (environment["PREDICTOR_ID"], environment["SELDON_DEPLOYMENT_ID"]) == ("default", "test")
    assert environment["PREDICTOR_LABELS"] == '{"version": "2"}'


def test_equal_containers_run_once_and_others_on_ports_of_their_own() -> None:
    same, other = container("model", A="1"), container("model", A="2")
    placed = place(document(predictor("a", same), predictor("b", same), predictor("c", other)), RecommenderSettings())
    assert [(process.name, process.port) for process in placed.processes] == [("model", 8220), ("model-2", 8225)]
    ports = [each["graph"]["endpoint"]["httpPort"] for each in placed.document["spec"]["predictors"]]
    assert ports == [8220, 8220, 8225]


def test_the_stable_predictors_steps_take_turns_on_two_sets_of_ports_and_others_stay(tmp_path: Path) -> None:
    card = dict.fromkeys(ModelCard.__dataclass_fields__, "") | {"version": "2"}
    (tmp_path / "model.json").write_text(json.dumps(card))
    settings = RecommenderSettings(champion_dir=tmp_path, models_dir=Path("/here"), spare_port=9250)
    stable, other = (container("model", RECOMMENDER_MODEL_DIR=f"/models/recommender/{number}") for number in "12")
    given = document(predictor("canary", other, annotations={"version": "9"}), predictor("default", stable))
    usual, spare = (place(given, settings, spare=spare) for spare in (False, True))
    found = [[(each.name, each.port, each.stable) for each in placed.processes] for placed in (usual, spare)]
    assert found == [
        [("model-2", 8225, False), ("model", 8220, True)],
        [("model-2", 8225, False), ("model-b", 9253, True)],
    ]
    assert usual.processes[0] == spare.processes[0]
    assert spare.processes[1].environment["RECOMMENDER_MODEL_DIR"] == str(tmp_path)
    assert spare.processes[1].environment["PREDICTOR_LABELS"] == '{"version": "2"}'
    versions = [each["annotations"]["version"] for each in spare.document["spec"]["predictors"]]
    assert versions == ["9", "2"]
    assert place(spare.document, settings, spare=True) == spare


def test_the_port_of_the_stable_model_is_the_one_where_it_was_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = RecommenderSettings(champion_dir=SPARE, spare_port=9250)
    assert model_port(settings) == 8220
    SPARE.mkdir(parents=True)
    (SPARE / "model.json").write_text(json.dumps(dict.fromkeys(ModelCard.__dataclass_fields__, "")))
    stable = container("model", RECOMMENDER_MODEL_DIR="/models/recommender/1")
    write(place(document(predictor("default", stable)), settings, spare=True), GRAPH)
    assert model_port(settings) == 9253


def test_what_is_given_stays_as_it_was() -> None:
    given = document(predictor("a", container("model")))
    before = yaml.safe_dump(given)
    place(given, RecommenderSettings())
    assert yaml.safe_dump(given) == before


@pytest.mark.parametrize(
    ("predictors", "message"),
    [
        ([predictor("a")], "predictor a: unit model has no container of that name"),
        ([predictor("a", container("model", "sklearn:1"))], "container model: image sklearn:1: expected one of recomm"),
        (
            [predictor(name, container("model", A=name)) for name in "abc"],
            "predictor c: no port left for another model",
        ),
        ([predictor("a", container("x", "recommender-model:1"), unit="x")], "predictor a: no port left for another x"),
    ],
)
def test_what_cannot_be_placed_is_refused(predictors: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(GraphError) as refused:
        place(document(*predictors), RecommenderSettings())
    assert str(refused.value).startswith(message)


def test_there_must_be_one_deployment() -> None:
    assert find_deployment([{"kind": "Service"}, document()]) == document()
    with pytest.raises(GraphError, match="0 SeldonDeployments: expected one"):
        find_deployment([{"kind": "Service"}])
