"""The whole level under supervision, on the tiny shop: up once, then one process after the other is killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from shop.addresses import Addresses
from shop.commands import conformance, erase
from shop.commands.stack import stack
from shop.endpoints import MODELS
from shop.features.store import GENERATION, user_key
from shop.serving.erasure import find_person
from shop.serving.stores import connect
from tests.listeners import beyond_loopback, listeners
from tests.patience import GENEROUS_S, until
from tests.ports import free_block
from tests.tiny_shop import TINY
from tests.web_page import answer, forms
from workbench.stack import StackError, main
from workbench.stack.config import render
from workbench.stack.control import ask
from workbench.stack.inspection import members
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shop.serving.logins import Store
    from workbench.stack import Stack

PORTS = (
    "PORT", "ENVOY_ADMIN_PORT", "TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT", "FEATURES_PORT",
    "CACHE_PORT",
)  # fmt: skip
PAYMENT = {
    "payment": "p-1", "user": 17, "card": 3, "device": 5, "ip": 8, "amount": 25.0, "category": 3, "hour": 14,
}  # fmt: skip
REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/search": {"user": 17, "query": {"category": 3}, "candidates": list(range(100)), "k": 5},
    "/v1/payments/score": PAYMENT,
    "/v1/recommendations": {"user": 17, "k": 5},
}


@pytest.fixture(scope="module")
def level(
    shop_models: Path, tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]
) -> Iterator[Stack]:
    run_dir = tmp_path_factory.mktemp("level") / "run"
    run_dir.mkdir()
    for name in ("models", "world"):
        (run_dir / name).symlink_to(shop_models / name)
    shutil.copytree(shop_models / "features", run_dir / "features")  # a test erases somebody from them
    settings = {f"SHOP_{name}": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    gateways = str(free_block(2))
    settings |= {"SHOP_RUN_DIR": str(run_dir), "SHOP_GATEWAY_PORT": gateways, "TELEMETRY_TRACE_RATIO": "1"}
    settings |= {"SHOP_API_KEYS": "", "PLANTED_TOKEN": "rubber-duck"}  # set, yet nobody is asked for a key
    settings |= {"SHOP_TRITON_ENVIRONMENT": str(ROOT / ".venvs/triton"), "SHOP_DEADLINE_MS": "30000"}
    settings |= {"SHOP_EDGE_TIMEOUT_S": "60"}  # both are long, for a busy machine
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        running = stack(renew=True)
        assert main(running, ["up", "--timeout", "120"]) == 0
        yield running
        assert main(stack(renew=False), ["down"]) == 0
        assert members(running.home) == []


@pytest.fixture(scope="module")
def edge(level: Stack) -> Iterator[httpx.Client]:
    assert level
    with httpx.Client(base_url=f"http://127.0.0.1:{Addresses().port}", timeout=GENEROUS_S) as client:
        yield client


@pytest.mark.parametrize("path", REQUESTS)
def test_what_is_up_answers_from_the_stable_version(edge: httpx.Client, path: str) -> None:
    answer = edge.post(path, json=REQUESTS[path])
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-model-version"] == "1"
    assert "x-degraded" not in answer.headers


def test_the_edge_speaks_the_open_inference_protocol(edge: httpx.Client) -> None:
    assert edge
    assert conformance.main(["--model", "fraud"]) == 0


def test_every_process_has_a_log_and_the_gateways_their_traces(level: Stack, edge: httpx.Client) -> None:
    edge.post("/v1/recommendations", json=REQUESTS["/v1/recommendations"])
    assert all(level.log_file(process.name).exists() for process in level.processes)
    traces = level.home / "traces.jsonl"
    until(lambda: traces.exists() and traces.stat().st_size > 0)


def test_a_process_has_the_secrets_that_it_needs_and_no_other(level: Stack, edge: httpx.Client) -> None:
    """What is started by them, too: Triton has a process for each instance of a model."""
    assert edge
    having: dict[str, set[str]] = {"SHOP_API_KEYS": set(), "PLANTED_TOKEN": set()}
    names = {state.pid: name for name, state in ask(level).items()}
    for process in members(level.home):
        owner = next((names[each.pid] for each in [process, *process.parents()] if each.pid in names), "supervisord")
        for variable in having.keys() & process.environ().keys():
            having[variable].add(owner)
    gateways = {"gateway-0", "gateway-1"}
    assert having == {
        "SHOP_API_KEYS": {"supervisord", *gateways},
        "PLANTED_TOKEN": {"supervisord"},
    }, "supervisord hands on what it has"


def test_every_process_listens_on_this_machine_alone_and_on_its_own_ports(level: Stack) -> None:
    own = {port for process in level.processes for port in process.ports.values()}
    # Triton listens for its metrics a moment after it is ready
    until(lambda: {each.port for each in listeners(members(level.home))} >= own, "all listening")
    found = listeners(members(level.home))
    assert beyond_loopback(found) == set()
    assert {each.port for each in found} == own


CHANGING = (
    "/v2/repository/models/ranking/unload", "/v2/repository/models/mine/load", "/v2/logging", "/v2/trace/setting",
    "/v2/systemsharedmemory/unregister", "/runtime_modify?canary.ranking=37", "/quitquitquit", "/healthcheck/fail",
    "/logging?level=trace", "/drain_listeners", "/reset_counters", "/v1/payments/score", "/v1/feedback", "/RPC2", "/",
)  # fmt: skip
"""What changes something in one of the level's programs, and where supervisord would listen."""


def test_a_page_in_a_browser_changes_nothing_whatever_port_it_asks(level: Stack, edge: httpx.Client) -> None:
    stores: tuple[Store, ...] = ("features", "cache")
    for store in stores:
        with connect(Addresses(), store) as client:
            client.set("kept", 1)
    before = state(level, edge)
    for port in (port for process in level.processes for port in process.ports.values()):
        is_store = port in {Addresses().features_port, Addresses().cache_port}
        body = b"FLUSHALL\r\nSET planted 1\r\n" if is_store else json.dumps(PAYMENT).encode()
        for path in CHANGING[-1:] if is_store else CHANGING:
            for request in forms(port, path, body):
                said = answer(port, request)
                assert said.status == 0 or said.status >= 400, (port, request, said)
                assert not {each for each in said.headers if each.startswith("access-control-")}
    assert state(level, edge) == before


def test_supervisord_takes_orders_on_a_socket_of_its_owner_alone(level: Stack) -> None:
    configuration = level.config_file.read_text()
    assert "[inet_http_server]" not in configuration
    (path,) = re.findall(r"^file=(.+)$", configuration, re.MULTILINE)
    assert stat.S_IMODE(Path(path).stat().st_mode) & 0o077 == 0


def state(level: Stack, edge: httpx.Client) -> dict[str, Any]:
    """What a page would change: processes, readiness, the canary's weights, what the stores hold."""
    with connect(Addresses(), "features") as features, connect(Addresses(), "cache") as cache:
        held = [client.exists(key) for client in (features, cache) for key in ("kept", "planted")]
    admin = f"http://127.0.0.1:{Addresses().envoy_admin_port}"
    return {
        "pids": {name: each.pid for name, each in ask(level).items()},
        "ready": edge.get("/readyz").status_code,
        "weights": httpx.get(f"{admin}/runtime", params={"format": "json"}).json()["entries"],
        "kept and planted": held,
    }


KILLED = ["features", "cache", "feature-loader", "triton", "gateway-0", "gateway-1", "envoy"]


@pytest.mark.parametrize("name", KILLED)
def test_a_process_that_is_killed_comes_back_and_all_is_well_again(level: Stack, edge: httpx.Client, name: str) -> None:
    assert [process.name for process in level.processes] == KILLED
    before = ask(level)[name].pid
    assert before
    os.kill(before, signal.SIGKILL)
    until(lambda: ask(level)[name].pid not in {None, before})
    until(lambda: all(process.ready.missing() is None for process in level.processes))
    until(lambda: all(is_whole(edge, path) for path in REQUESTS))


def is_whole(edge: httpx.Client, path: str) -> bool:
    """Whether the answer is a model's, not a fallback's."""
    try:
        answer = edge.post(path, json=REQUESTS[path])
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and "x-degraded" not in answer.headers


def test_a_person_who_is_erased_is_nobody_in_store_cache_and_answers(
    level: Stack, edge: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    world, unknown = Addresses().run_dir / "world", list_for(edge, 2_000_000)
    user, card = next(
        (user, min(cards))
        for user in range(20, TINY.users)
        if (cards := find_person(user, world).ids["c:"]) and list_for(edge, user) != unknown
    )
    payment = PAYMENT | {"payment": "p-of-the-erased", "user": user, "card": card}
    edge.post("/v1/payments/score", json=payment)
    edge.post("/v1/search", json=REQUESTS["/v1/search"] | {"user": user})
    with connect(Addresses(), "cache") as cache, connect(Addresses(), "features") as features:
        # on a busy machine an answer may be a fallback, which nobody keeps
        until(lambda: list_for(edge, user) and any(key.endswith(b":%d" % user) for key in cache.scan_iter("a:*")))
        before = features.get(GENERATION)
        assert erase.main([str(user)]) == 0
        assert features.get(GENERATION) != before
        assert not any((features.get(key) or b"\0").strip(b"\0") for key in (user_key(user), f"f:{user}", f"c:{card}"))
        assert not [key for key in cache.scan_iter("a:*") if key.startswith(b"a:" + (before or b"")[:16])]
        until(lambda: list_for(edge, user) == unknown)
        features.flushall()  # a store that starts anew is filled from what is on disk
        until(lambda: features.get(GENERATION) not in {None, before})
        assert not (features.get(user_key(user)) or b"\0").strip(b"\0")
    assert f"person    user {user}: " in capsys.readouterr().out
    kept = [path for path in level.home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path.name for path in kept if b"p-of-the-erased" in content(path)] == []


def content(path: Path) -> bytes:
    """What a file holds: nothing, if it was a passing one."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def list_for(edge: httpx.Client, user: int) -> Any:
    """What a user is recommended."""
    return edge.post("/v1/recommendations", json={"user": user, "k": 5}).json()["items"]


def test_without_models_the_level_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("SHOP_TRITON_ENVIRONMENT", str(ROOT / ".venvs/triton"))
    with pytest.raises(StackError, match=f"{MODELS[0]}: no version of a model in it: run make train-3"):
        stack(renew=True)
    assert stack(renew=False), "what runs can be stopped all the same"


def test_a_changed_setting_is_a_changed_configuration_and_a_key_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("SHOP_API_KEYS", "shop:k-rubber-duck")
    written = []
    for concurrency in ("40", "41"):
        monkeypatch.setenv("SHOP_EDGE_CONCURRENCY", concurrency)
        written.append(render(stack(renew=False), tmp_path / "socket"))
    assert written[0] != written[1]
    assert written[0] == written[1].replace("SHOP_EDGE_CONCURRENCY=41", "SHOP_EDGE_CONCURRENCY=40")
    assert "k-rubber-duck" not in written[0]
