"""The running pipeline: right answers, stock at once, and what happens when a part of it fails."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
import redis

from recommender.adapters.artefact import Artefact
from recommender.adapters.inventory import KEY, Inventory
from recommender.training.golden import Golden
from servekit.valkey_users import read_login
from tests.integration.recommender.pipeline.conftest import MODELS, PREDICTIONS, STEP_MS
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.recommender.pipeline.conftest import Running


@pytest.fixture
def shelf(level: Running) -> Iterator[Inventory]:
    """The stock that the level sees; full again afterwards."""
    url = f"redis://127.0.0.1:{level.ports['valkey']}"
    login = read_login(level.folder / ".run/2/valkey/logins", "inventory", "keeper")
    shelf = Inventory(url, Artefact(MODELS / "1").catalogue(), timeout_s=10, login=login)
    yield shelf
    shelf.set_out(shelf.out(), out=False)


@pytest.mark.slow
def test_the_inventory_takes_nothing_from_whoever_reaches_its_port(level: Running) -> None:
    with redis.Redis(port=level.ports["valkey"]) as stranger:
        for command in (f"SETBIT {KEY} 50 1", f"GET {KEY}", "FLUSHALL"):
            with pytest.raises(redis.AuthenticationError):
                stranger.execute_command(*command.split())
    assert level.ask(196).json()["meta"]["tags"]["stock"] == "fresh"


def test_every_answer_matches_numpys(level: Running) -> None:
    """Some users and sizes; the lesson's client asks for all users."""
    golden = Golden([MODELS / "1", MODELS / "2"])
    for user in golden.users[::40]:
        for k in (1, 10, 40):
            assert golden.check(user, k, (), level.ask(user, k=k).raise_for_status().content) is None


def test_the_answer_says_where_it_came_from(level: Running) -> None:
    meta = level.ask(196).json()["meta"]
    tags = {"model": "recommender", "version": "1", "algorithm": "ease", "cold_start": False, "stock": "fresh"}
    assert meta["tags"] == tags
    assert set(meta["requestPath"]) == {"preprocessor", "model", "postprocessor"}


def test_what_is_sold_out_is_gone_from_the_next_answer_and_back_in_the_one_after(
    level: Running, shelf: Inventory
) -> None:
    before = level.ids(196, k=3)
    level.stock("--out", str(before[0]))
    assert level.ids(196, k=2) == before[1:]
    shelf.set_out(before[:1], out=False)
    assert level.ids(196, k=3) == before


def test_everything_out_of_stock_is_an_empty_list_with_a_reason(level: Running, shelf: Inventory) -> None:
    shelf.set_out(range(1, 1683), out=True)
    answer = level.ask(196)
    assert answer.status_code == 200
    assert answer.json()["jsonData"]["items"] == []
    assert answer.json()["jsonData"]["reason"].startswith("none of 1682 items left: ")


def test_an_unknown_user_gets_a_cold_start_that_says_so(level: Running) -> None:
    answer = level.ask(1_000_000).json()
    assert answer["meta"]["tags"]["cold_start"] is True
    assert len(answer["jsonData"]["items"]) == 10


@pytest.mark.parametrize(
    ("payload", "info"),
    [
        ({"user": 196, "k": 0}, "k 0: expected an integer from 1 to 100"),
        ({"user": 196, "k": 101}, "k 101: expected an integer from 1 to 100"),
        ({"user": "Anna"}, "user Anna: expected an integer from 0 to "),
        ({}, "user: missing: expected a user, ratings, or both"),
        ({"user": 196, "genre": "Cheerful"}, "genre Cheerful: unknown: expected one of Action, "),
    ],
)
def test_a_bad_request_is_422_in_the_words_of_the_step(level: Running, payload: dict[str, object], info: str) -> None:
    answer = level.client.post(PREDICTIONS, json={"jsonData": payload})
    assert answer.status_code == 422
    assert answer.json()["status"]["info"].startswith(info)


def test_a_malformed_message_is_400(level: Running) -> None:
    answer = level.client.post(PREDICTIONS, content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_the_metadata_describes_the_whole_graph(level: Running) -> None:
    document = level.client.get("/api/v1.0/metadata").json()
    assert set(document["models"]) == {"preprocessor", "model", "postprocessor"}
    assert document["graphinputs"][0]["messagetype"] == "jsonData"
    assert document["graphoutputs"][0]["messagetype"] == "jsonData"


def test_one_trace_has_a_span_for_each_step(level: Running) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    level.client.post(
        PREDICTIONS, json={"jsonData": {"user": 1}}, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    )
    path = level.folder / ".run/2/traces.jsonl"

    def spans() -> set[str]:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if trace.encode() in line and line.endswith(b"\n")]
        return {json.loads(line)["name"] for line in whole}

    until(lambda: spans() >= {"router", "preprocessor", "model", "postprocessor"}, lambda: f"traced: {spans()}")


@pytest.mark.parametrize("name", ["preprocessor", "model", "postprocessor"])
def test_a_killed_step_is_503_by_name_and_comes_back(level: Running, name: str) -> None:
    level.step(name).send_signal(signal.SIGKILL)
    answers = []

    def failed() -> bool:
        answers.append(level.ask(196))
        return answers[-1].status_code == 503

    until(failed, "503")
    status = answers[-1].json()["status"]
    assert status["info"].startswith(f"step {name}: 127.0.0.1:{level.ports[name]}: ")
    assert level.client.get("/live").status_code == 200
    until(lambda: level.ask(196).status_code == 200, "recovered")


@pytest.mark.slow
def test_a_step_whose_supervised_process_is_killed_leaves_nothing_behind(level: Running) -> None:
    before = level.step("model")
    parent = before.parent()
    assert parent
    parent.kill()
    until(lambda: not before.is_running() or before.status() == "zombie", "ended by its successor")
    until(lambda: level.find_step("model") not in {None, before}, "replaced")
    until(lambda: level.ask(196).status_code == 200, "recovered")


def test_a_step_that_hangs_is_504_by_name(level: Running) -> None:
    model = level.step("model")
    family = [model, *model.children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        answer = level.ask(196)
    finally:
        for process in family:
            process.resume()
    assert answer.status_code == 504
    assert answer.json()["status"]["info"] == f"step model: no answer within {STEP_MS} ms"
    until(lambda: level.ask(196).status_code == 200, "recovered")


def test_the_inventory_may_be_away_for_a_while(level: Running) -> None:
    until(lambda: level.ask(196).json()["meta"]["tags"]["stock"] == "fresh", "fresh")
    inventory = level.inventory()
    inventory.suspend()
    try:
        answer = level.ask(196)
    finally:
        inventory.resume()
    assert answer.status_code == 200
    assert answer.json()["meta"]["tags"]["stock"] == "stale"
    until(lambda: level.ask(196).json()["meta"]["tags"]["stock"] == "fresh", "fresh again")


def test_up_and_status_find_nothing_to_do(level: Running) -> None:
    until(lambda: "up already" in level.stack("up"))  # what is too busy to answer the probe in time is repaired first
    until(lambda: "no: " not in level.stack("status"))
