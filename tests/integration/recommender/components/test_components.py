"""The three components behind Seldon's own wrapper, over REST and gRPC."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from google.protobuf import json_format

from graph_router.adapters import prediction_pb2 as pb
from recommender.adapters.artefact import Artefact
from recommender.adapters.inventory import Inventory
from recommender.adapters.tensors import decode, encode
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.recommender.components.conftest import Component, Server

    Components = dict[str, Component]
    Pipeline = Callable[[dict[str, Any]], dict[str, Any]]

STEPS = ("transform-input", "predict", "transform-output")


def over_rest(components: Components, message: dict[str, Any]) -> dict[str, Any]:
    for step in STEPS:
        answer = components[step].rest(message)
        message = answer.json()
        if answer.status_code != httpx.codes.OK:
            assert message["status"]["code"] == answer.status_code
            return message
    return message


def over_grpc(components: Components, message: dict[str, Any]) -> dict[str, Any]:
    proto = json_format.ParseDict(message, pb.SeldonMessage())
    for step in STEPS:
        proto = components[step].grpc(proto)
    answer: dict[str, Any] = json_format.MessageToDict(proto)
    return answer


@pytest.fixture(params=[over_rest, over_grpc], ids=["rest", "grpc"])
def ask(request: pytest.FixtureRequest, components: Components) -> Pipeline:
    """Asks the three steps in turn, by hand; gives the last one's message, or the failure of one over REST."""
    return lambda wish: request.param(components, {"meta": {"puid": "p1"}, "jsonData": wish})


@pytest.fixture
def shelf(inventory: Server, models: Path) -> Iterator[Inventory]:
    """The stock that the components see; full again afterwards."""
    shelf = Inventory(inventory.url, Artefact(models / "1").catalogue(), timeout_s=10)
    yield shelf
    shelf.set_out(shelf.out(), out=False)


@pytest.mark.parametrize("user", ["1", "196", "405", "943"])
def test_a_user_gets_what_numpy_would_recommend(ask: Pipeline, golden: dict[str, Any], user: str) -> None:
    answer = ask({"user": int(user), "k": 20})
    items = answer["jsonData"]["items"]
    assert [item["id"] for item in items] == golden[user]["ids"][:20]
    assert [item["score"] for item in items] == pytest.approx(golden[user]["scores"][:20], abs=1e-5)
    assert answer["meta"]["puid"] == "p1"
    assert answer["meta"]["tags"] == {
        "cold_start": False, "model": "recommender", "version": "1", "algorithm": "ease", "stock": "fresh",
    }  # fmt: skip


def test_a_user_nobody_knows_is_tagged_and_gets_what_everybody_likes(ask: Pipeline) -> None:
    answer = ask({"user": 99_999, "k": 3})
    assert answer["meta"]["tags"]["cold_start"] is True
    assert "Star Wars (1977)" in [item["title"] for item in answer["jsonData"]["items"]]


def test_ratings_in_the_request_are_enough(ask: Pipeline) -> None:
    answer = ask({"ratings": [{"item": 172, "rating": 5}, {"item": 181, "rating": 5}], "k": 3})
    assert answer["meta"]["tags"]["cold_start"] is False
    assert answer["jsonData"]["items"][0]["title"] == "Star Wars (1977)"


def test_only_items_of_the_genre_are_recommended(ask: Pipeline, models: Path) -> None:
    items = ask({"user": 196, "genre": "Film-Noir"})["jsonData"]["items"]
    noir = Artefact(models / "1").catalogue()
    assert all("Film-Noir" in noir.items[noir.position[int(item["id"])]].genres for item in items)


def test_what_is_sold_out_is_gone_from_the_next_answer(ask: Pipeline, golden: dict[str, Any], shelf: Inventory) -> None:
    first, second = golden["196"]["ids"][:2]
    shelf.set_out([first], out=True)
    assert ask({"user": 196, "k": 1})["jsonData"]["items"][0]["id"] == second
    shelf.set_out([first], out=False)
    assert ask({"user": 196, "k": 1})["jsonData"]["items"][0]["id"] == first


def test_everything_out_of_stock_is_an_empty_list_with_a_reason(ask: Pipeline, shelf: Inventory, models: Path) -> None:
    shelf.set_out(Artefact(models / "1").catalogue().position, out=True)
    answer = ask({"user": 99_999})["jsonData"]
    assert answer["items"] == []
    assert answer["reason"] == "none of 1682 items left: 0 already rated, 0 of another genre, 1682 out of stock"


@pytest.mark.parametrize(
    ("wish", "info"),
    [
        ({"user": 196, "k": 0}, "k 0: expected an integer from 1 to 100"),
        ({"user": 196, "k": 101}, "k 101: expected an integer from 1 to 100"),
        ({}, "user: missing: expected a user, ratings, or both"),
        ({"user": 196, "genre": "Polka"}, "genre Polka: unknown: expected one of Action,"),
        ({"user": "x"}, "user x: expected an integer from 0 to 2147483647"),
    ],
)
def test_a_request_that_is_wrong_comes_back_with_its_status(ask: Pipeline, wish: dict[str, Any], info: str) -> None:
    status = ask(wish)["status"]
    assert status["info"].replace(".0:", ":").startswith(info)  # gRPC's JSON knows no integers
    assert {**status, "info": ""} == {"status": "FAILURE", "code": 422, "info": "", "reason": "InvalidValueError"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "message",
    [
        {}, [], 5, {"data": 5}, {"data": {"tensor": {"shape": [3], "values": [1]}}}, {"data": {"tensor": {}}},
        {"binData": "no base64!"}, {"binData": "AAAA"}, {"binData": 7}, {"strData": "x"},
        {"meta": None, "jsonData": {}},
        {"meta": {"tags": 5}, "jsonData": {"user": 1}}, {"meta": 7, "jsonData": {"user": 1}}, {"jsonData": [1]},
        {"meta": {"puid": 5}, "jsonData": {"user": 1}}, {"data": {"names": 5, "ndarray": [[1]]}},
        {"data": {"ndarray": [["a"]]}}, {"data": {"ndarray": [[1], [1, 2]]}},
    ],
)  # fmt: skip
def test_a_message_of_a_wrong_shape_is_never_an_internal_error(
    components: Components, step: str, message: object
) -> None:
    answer = components[step].rest(message)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["status"]["info"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "message",
    [
        pb.SeldonMessage(),
        pb.SeldonMessage(binData=b"abc"),
        pb.SeldonMessage(strData="x"),
        pb.SeldonMessage(binData=encode({})),
        pb.SeldonMessage(data=pb.DefaultData(tensor=pb.Tensor(shape=[3], values=[1]))),
    ],
)
def test_over_grpc_a_wrong_request_gets_a_failed_message(
    components: Components, step: str, message: pb.SeldonMessage
) -> None:
    answer = components[step].grpc(message)
    assert answer.status.status == pb.Status.FAILURE
    assert answer.status.code in {400, 422}


@pytest.mark.parametrize("step", STEPS)
def test_over_grpc_an_earlier_steps_failure_is_passed_on(components: Components, step: str) -> None:
    failed = pb.SeldonMessage(status=pb.Status(status=pb.Status.FAILURE, code=422, info="k 0"), meta=pb.Meta(puid="p"))
    assert components[step].grpc(failed) == failed


def test_the_steps_exchange_a_safetensors_document(components: Components) -> None:
    asked = json_format.ParseDict({"jsonData": {"user": 1, "k": 7}}, pb.SeldonMessage())
    prepared = components["transform-input"].grpc(asked)
    tensors, metadata = decode(prepared.binData)
    assert {name: (tensor.dtype.name, tensor.shape[-1]) for name, tensor in tensors.items()} == {
        "features": ("float32", 1682), "rated": ("int32", (tensors["features"] != 0).sum()),
    }  # fmt: skip
    assert json.loads(metadata["request"]) == {"k": 7, "genre": None}
    scored, passed = decode(components["predict"].grpc(prepared).binData)
    assert scored["scores"].shape == (1, 1682)
    assert passed == metadata


@pytest.mark.parametrize("kind", ["ndarray", "tensor"])
def test_the_model_alone_takes_plain_features(components: Components, kind: str) -> None:
    values = [1.0] + [0.0] * 1681
    data = (
        {"ndarray": [values, values]} if kind == "ndarray" else {"tensor": {"shape": [2, 1682], "values": values * 2}}
    )
    answer = components["predict"].rest({"data": data}).json()
    scores = answer["data"]["ndarray"][0] if kind == "ndarray" else answer["data"]["tensor"]["values"][:1682]
    assert len(scores) == 1682
    assert scores[0] == 0  # an item does not explain itself


def test_metrics_are_counted_by_the_step_that_made_them(components: Components) -> None:
    over_rest(components, {"jsonData": {"user": 99_999}})
    texts = {step: httpx.get(f"http://127.0.0.1:{components[step].ports[2]}/metrics").text for step in STEPS}
    assert "recommender_cold_starts_total" in texts["transform-input"]
    assert "recommender_cold_starts_total" not in texts["predict"] + texts["transform-output"]


def test_each_components_metadata_says_what_it_is(components: Components) -> None:
    metadata = {step: httpx.get(f"{components[step].url}/metadata").json() for step in STEPS}
    assert [metadata[step]["name"] for step in STEPS] == ["preprocessor", "recommender", "postprocessor"]
    assert metadata["predict"]["custom"]["algorithm"] == "ease"
    assert metadata["predict"]["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 1682]}]


@pytest.mark.slow
def test_without_the_inventory_stale_answers_come_for_a_while_and_then_none(
    components: Components, inventory: Server
) -> None:
    """The snapshot lasts ten seconds here."""
    wish = {"jsonData": {"user": 196, "k": 1}}
    assert over_rest(components, wish)["meta"]["tags"]["stock"] == "fresh"
    inventory.stop()
    try:
        assert over_rest(components, wish)["meta"]["tags"]["stock"] == "stale"
        until(lambda: "status" in over_rest(components, wish), "refused")
        status = over_rest(components, wish)["status"]
        assert status["code"] == 503
        assert status["info"].startswith(f"inventory {inventory.url}: does not answer, and no snapshot is younger")
        assert over_grpc(components, wish)["status"]["code"] == 503
    finally:
        inventory.start()
        for ask in (over_rest, over_grpc):  # each protocol has a process of its own, with a connection of its own
            until(lambda ask=ask: _stock(ask(components, wish)) == "fresh", "fresh again")  # type: ignore[misc]


def _stock(answer: dict[str, Any]) -> str | None:
    stock: str | None = answer.get("meta", {}).get("tags", {}).get("stock")
    return stock
