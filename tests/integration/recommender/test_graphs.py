"""Graphs of every kind, walked by the router over real Seldon microservices."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.recommender.microservice import FeedbackFile, Letters, Routed, deployment
from tests.patience import async_until

if TYPE_CHECKING:
    import httpx

OVER = pytest.mark.parametrize("over", ["REST", "GRPC"])


async def ask(client: httpx.AsyncClient, text: str, **message: Any) -> httpx.Response:
    return await client.post("/api/v1.0/predictions", json={"strData": text, **message})


def alone(graph: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return deployment({"name": "default", "graph": graph}, **spec)


@OVER
async def test_a_pipeline_is_walked_in_the_executors_order(letters: Letters, routed: Routed, over: str) -> None:
    a, b = letters
    model = b.unit("MODEL", name="model", over=over)
    graph = a.unit("OUTPUT_TRANSFORMER", a.unit("TRANSFORMER", model, name="pre", over=over), name="post", over=over)
    answer = await ask(routed(alone(graph)), "x")
    assert (answer.status_code, answer.json()["strData"]) == (200, "x a.in b.predict a.out")


@OVER
@pytest.mark.parametrize(
    ("route", "expected"),
    [(0, "x route=0 a.predict"), (1, "x route=1 b.predict"), (-2, "x route=-2")],
)
async def test_a_router_sends_a_request_to_one_child_or_to_none(
    letters: Letters, routed: Routed, over: str, route: int, expected: str
) -> None:
    a, b = letters
    graph = a.unit("ROUTER", a.unit("MODEL", name="one", over=over), b.unit("MODEL", over=over), name="r", over=over)
    answer = await ask(routed(alone(graph)), f"x route={route}")
    assert (answer.status_code, answer.json()["strData"]) == (200, expected)


@OVER
async def test_a_router_that_answers_minus_one_asks_all_children_and_the_first_answer_counts(
    letters: Letters, routed: Routed, over: str
) -> None:
    a, b = letters
    graph = a.unit("ROUTER", b.unit("MODEL", over=over), a.unit("MODEL", name="two", over=over), name="r", over=over)
    assert (await ask(routed(alone(graph)), "x route=-1")).json()["strData"] == "x route=-1 b.predict"


@OVER
async def test_a_combiner_gets_the_answers_of_all_children_in_their_order(
    letters: Letters, routed: Routed, over: str
) -> None:
    a, b = letters
    nested = a.unit("TRANSFORMER", b.unit("MODEL", over=over), name="deep", over=over)
    graph = b.unit("COMBINER", a.unit("MODEL", name="flat", over=over), nested, name="all", over=over)
    answer = (await ask(routed(alone(graph)), "x")).json()
    assert answer["strData"] == "(x a.predict + x a.in b.predict) b.combine"
    assert answer["meta"]["tags"] == {"a": "in", "b": "combine"}


async def test_combiners_and_routers_nest(letters: Letters, routed: Routed) -> None:
    a, b = letters
    inner = a.unit("ROUTER", a.unit("MODEL", name="m1"), b.unit("MODEL", name="m2"), name="r")
    graph = b.unit("OUTPUT_TRANSFORMER", a.unit("COMBINER", inner, b.unit("MODEL", name="m3"), name="c"), name="o")
    answer = await ask(routed(alone(graph)), "x route=1")
    assert answer.json()["strData"] == "(x route=1 b.predict + x route=1 b.predict) a.combine b.out"


async def test_each_step_may_speak_another_protocol_and_bytes_survive_it(letters: Letters, routed: Routed) -> None:
    a, b = letters
    graph = a.unit("TRANSFORMER", b.unit("MODEL", a.unit("MODEL", name="last"), over="GRPC"))
    client = routed(alone(graph))
    assert (await ask(client, "x")).json()["strData"] == "x a.in b.predict a.predict"
    data = base64.b64encode(bytes(range(256))).decode()
    answer = await client.post("/api/v1.0/predictions", json={"binData": data})
    assert answer.json()["binData"] == data
    answer = await client.post("/api/v1.0/predictions", json={"jsonData": {"user": 1, "list": [1.5, None, "x"]}})
    assert answer.json()["jsonData"] == {"user": 1, "list": [1.5, None, "x"]}


async def test_the_transport_of_the_deployment_counts_where_a_unit_says_nothing(
    letters: Letters, routed: Routed
) -> None:
    unit = letters[0].unit("MODEL")
    del unit["endpoint"]["type"]
    client = routed(alone(unit, transport="grpc"))
    assert (await ask(client, "x")).status_code == 200
    assert 'service="/seldon.protos.Model/Predict"' in (await client.get("/metrics")).text


async def test_methods_add_calls_to_a_unit(letters: Letters, routed: Routed) -> None:
    graph = {**letters[0].unit("TRANSFORMER"), "methods": ["TRANSFORM_OUTPUT"]}
    assert (await ask(routed(alone(graph)), "x")).json()["strData"] == "x a.in a.out"


async def test_random_abtest_splits_without_a_process(letters: Letters, routed: Routed) -> None:
    a, b = letters
    split = {
        "name": "split",
        "implementation": "RANDOM_ABTEST",
        "parameters": [{"name": "ratioA", "value": "0.5", "type": "FLOAT"}],
        "children": [a.unit("MODEL"), b.unit("MODEL")],
    }
    client = routed(alone(split))
    answers = {(await ask(client, "x")).json()["strData"] for _ in range(30)}
    assert answers == {"x a.predict", "x b.predict"}


@OVER
async def test_the_puid_of_the_client_is_kept_through_every_step(letters: Letters, routed: Routed, over: str) -> None:
    a, b = letters
    client = routed(alone(a.unit("TRANSFORMER", b.unit("MODEL", over=over), over=over)))
    in_meta = await ask(client, "x", meta={"puid": "mine", "tags": {"from": "client"}})
    assert in_meta.json()["meta"]["puid"] == in_meta.headers["seldon-puid"] == "mine"
    assert in_meta.json()["meta"]["tags"] == {"from": "client", "a": "in", "b": "predict"}
    body = {"strData": "x"}
    in_header = await client.post("/api/v1.0/predictions", json=body, headers={"Seldon-Puid": "other"})
    assert in_header.json()["meta"]["puid"] == in_header.headers["seldon-puid"] == "other"
    made = [(await ask(client, "x")).headers["seldon-puid"] for _ in range(2)]
    assert len(set(made)) == 2
    assert all(len(puid) == 36 for puid in made)


async def test_routing_is_injected_when_asked_for(letters: Letters, routed: Routed) -> None:
    a, b = letters
    graph = alone(a.unit("ROUTER", a.unit("MODEL", name="one"), b.unit("MODEL", name="two"), name="r"))
    assert "routing" not in (await ask(routed(graph), "x route=1")).json()["meta"]
    answer = await ask(routed(graph, inject_routing=True), "x route=1")
    assert answer.json()["meta"]["routing"] == {"r": 1, "two": -1}


@OVER
async def test_feedback_goes_to_the_models_that_the_answer_came_from(
    letters: Letters, routed: Routed, feedback: FeedbackFile, over: str
) -> None:
    a, b = letters
    graph = alone({**a.unit("TRANSFORMER"), "name": "t", "children": [
        a.unit("ROUTER", a.unit("MODEL", name="one", over=over), b.unit("MODEL", over=over), name="r", over=over)
    ]})  # fmt: skip
    client = routed(graph, inject_routing=True)
    feedback.clear()
    answer = (await ask(client, "x route=1")).json()
    sent = await client.post("/api/v1.0/feedback", json={"response": answer, "reward": 0.5})
    assert sent.status_code == 200
    assert feedback.lines() == ["a 0.5", "b 0.5"]  # the router, and the second model
    await client.post("/api/v1.0/feedback", json={"reward": 1})
    assert feedback.lines()[2:] == ["a 1", "a 1", "b 1"]  # no routing in it: router and both models


async def test_metadata_of_the_graph_joins_that_of_its_units(letters: Letters, routed: Routed) -> None:
    a, b = letters
    graph = a.unit("OUTPUT_TRANSFORMER", b.unit("TRANSFORMER", a.unit("MODEL", name="m"), name="t"), name="o")
    client = routed(alone(graph))
    document = (await client.get("/api/v1.0/metadata")).json()
    assert document["name"] == "default"
    assert set(document["models"]) == {"o", "t", "m"}
    assert document["models"]["t"]["name"] == "b"
    assert document["graphinputs"][0]["schema"] == {"of": "b"}
    assert document["graphoutputs"][0]["schema"] == {"of": "a"}
    assert (await client.get("/api/v1.0/metadata/t")).json()["name"] == "b"
    assert (await client.get("/api/v1.0/status/m")).status_code == 200
    unknown = await client.get("/api/v1.0/metadata/x")
    assert unknown.status_code == 404
    assert unknown.json()["status"]["info"] == "unit x: unknown: expected one of o, t, m"


async def test_a_canary_answers_its_share_and_a_request_may_choose(letters: Letters, routed: Routed) -> None:
    a, b = letters
    default = {"name": "default", "traffic": 70, "graph": a.unit("MODEL"), "annotations": {"version": "1"}}
    canary = {"name": "canary", "traffic": 30, "graph": b.unit("MODEL"), "annotations": {"version": "2"}}
    client = routed(deployment(default, canary))
    answers = [await ask(client, "x") for _ in range(120)]
    from_canary = [each for each in answers if each.headers["seldon-predictor"] == "canary"]
    assert 15 <= len(from_canary) <= 60  # 36 expected; outside of this once in 100,000 runs
    assert {each.json()["strData"] for each in from_canary} == {"x b.predict"}
    body, path = {"strData": "x"}, "/api/v1.0/predictions"
    chosen = await client.post(path, json=body, headers={"Seldon-Predictor": "canary"})
    assert chosen.json()["strData"] == "x b.predict"
    unknown = await client.post(path, json=body, headers={"Seldon-Predictor": "x"})
    assert unknown.status_code == 422
    assert unknown.json()["status"]["info"] == "header seldon-predictor x: expected one of default, canary"
    counts = 'seldon_api_executor_server_requests_seconds_count{code="200"'
    canarys = 'predictor_name="canary",predictor_version="2",service="predictions"} '
    lines = (await client.get("/prometheus")).text.splitlines()
    counted = [line.rpartition(" ")[2] for line in lines if line.startswith(counts) and canarys in line]
    assert counted == [f"{len(from_canary) + 1}.0"]


async def test_a_shadow_gets_copies_and_its_failures_reach_nobody(letters: Letters, routed: Routed) -> None:
    a, b = letters
    default = {"name": "default", "graph": a.unit("MODEL")}
    shadow = {"name": "shadow", "shadow": True, "graph": b.unit("MODEL")}
    client = routed(deployment(default, shadow))
    answers = [await ask(client, text) for text in ("x", "x b:fail=500")]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json()["strData"] == "x a.predict"
    for result in ("answered", "failed"):
        await eventually(client, f'predictor_name="shadow",result="{result}"}} 1.0')


async def test_copies_beyond_the_limit_are_dropped_and_a_slow_shadow_slows_nobody(
    letters: Letters, routed: Routed, feedback: FeedbackFile
) -> None:
    a, b = letters
    default = {"name": "default", "graph": a.unit("MODEL")}
    shadow = {"name": "shadow", "shadow": True, "graph": b.unit("MODEL")}
    client = routed(deployment(default, shadow), max_shadow_requests=1)
    with feedback.held(2):
        for _ in range(3):
            answer = await ask(client, "x b:hold=2")
            assert answer.json()["strData"] == "x b:hold=2 a.predict"
        await eventually(client, 'result="dropped"} 2.0')
    await eventually(client, 'result="answered"} 1.0')


async def eventually(client: httpx.AsyncClient, wanted: str) -> None:
    async def counted() -> bool:
        return wanted in (await client.get("/metrics")).text

    await async_until(counted, f"{wanted} in /metrics")
