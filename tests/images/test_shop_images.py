"""Level 3's images, built and run for real: gateway, feature loader and a real Triton answer together, hardened."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
import redis

from servekit.valkey import valkey_command
from tests.images.shop_context import user_embedding, write_context
from tests.integration.shop.serving.triton_world import computed
from tests.patience import until
from tests.shop_chart import CHART, gateway_environment, of_kind, variant
from workbench.images import Container, ContainerEngine, EngineError, Image, build, recipes
from workbench.versions import load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.images

NAMES = ("shop-gateway", "shop-triton")
GATEWAY_PORTS = {"SHOP_GATEWAY_PORT": 8310}
TRITON_PORTS = {"TRITON_HTTP_PORT": 8000, "TRITON_GRPC_PORT": 8001, "TRITON_METRICS_PORT": 8002}
# Triton has two hundred threads, and its Python backend a folder of its own in /tmp; the chart gives it one, too.
TRITON_FLAGS = (
    "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=1024",
    "--memory=1g", "--health-interval=1s",
)  # fmt: skip
GATEWAY_FLAGS = (*Container.flags, "--health-interval=1s", "--add-host=host.docker.internal:host-gateway")
NOWHERE = {
    "shop-gateway": (
        "pip",
        "onnx",
        "onnxruntime",
        "sklearn",
        "lightgbm",
        "fastapi",
        "pytest",
        "shop.world",
        "shop.canary",
        "shop.commands",
        "shop.models",
        "shop.optimize",
        "shop.load",
    ),
    "shop-triton": ("pip", "pytriton", "tritonclient", "grpc", "onnx", "shop", "servekit", "pytest"),
}
STOPS_WITHIN_S = 20


class Shop(NamedTuple):
    """The running parts."""

    gateway: Container
    triton: Container
    loader: Container
    context: Path

    def container(self, name: str) -> Container:
        return self.gateway if name == "shop-gateway" else self.triton


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_context(tmp_path_factory.mktemp("shop") / "context")


@pytest.fixture(scope="module")
def images(engine: ContainerEngine, context: Path) -> Iterator[dict[str, Image]]:
    built = {recipe.name: build(engine, recipe, tag="test") for recipe in recipes(3, context)}
    assert tuple(sorted(built)) == NAMES
    yield built
    for image in built.values():
        engine.run("image", "rm", image.reference)


@pytest.fixture(scope="module")
def valkey_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Valkey on this machine that containers can reach: features and cache in one."""
    port = _free_port()
    folder = tmp_path_factory.mktemp("valkey")
    command = [*valkey_command(port, folder, host="0.0.0.0", durable=False), "--protected-mode", "no"]  # noqa: S104 - in the tests alone
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    yield port
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def network(engine: ContainerEngine) -> Iterator[str]:
    """A network of containers; empty where there is only the host's."""
    if not engine.has_bridge():
        yield ""
        return
    name = f"shop-{uuid4().hex[:8]}"
    engine.run("network", "create", name)
    yield name
    engine.run("network", "rm", name)


@pytest.fixture(scope="module")
def shop(
    engine: ContainerEngine, images: dict[str, Image], valkey_port: int, network: str, context: Path
) -> Iterator[Shop]:
    """All three as a cluster would run them, ready."""
    joined = (f"--network={network}",) if network else ()
    here = "host.docker.internal" if network else "127.0.0.1"
    stores = {f"SHOP_{name}_HOST": here for name in ("FEATURES", "CACHE")}
    stores |= {f"SHOP_{name}_PORT": str(valkey_port) for name in ("FEATURES", "CACHE")}
    stores["SHOP_DEADLINE_MS"] = "2000"
    with ExitStack() as stack:
        alias = ("--network-alias=triton",) if network else ()
        triton = stack.enter_context(
            Container(engine, images["shop-triton"].reference, TRITON_PORTS, flags=(*TRITON_FLAGS, *joined, *alias))
        )
        loader = Container(
            engine,
            images["shop-gateway"].reference,
            environment=stores,
            command=("-m", "shop.serving.feature_loader"),
            flags=(*GATEWAY_FLAGS, *joined, "--entrypoint=python"),
        )
        stack.enter_context(loader)
        host, port = ("triton", "8000") if network else triton.addresses["TRITON_HTTP_PORT"].split(":")
        reached = {"SHOP_TRITON_HOST": host, "SHOP_TRITON_HTTP_PORT": port}
        gateway = Container(
            engine,
            images["shop-gateway"].reference,
            GATEWAY_PORTS,
            environment={**stores, **reached},
            flags=(*GATEWAY_FLAGS, *joined),
        )
        stack.enter_context(gateway)
        until(lambda: answers(triton, "TRITON_HTTP_PORT", "/v2/health/ready"), triton.logs)
        until(lambda: answers(gateway, "SHOP_GATEWAY_PORT", "/readyz"), gateway.logs)
        with redis.Redis(port=valkey_port) as store:
            until(lambda: bool(store.exists("generation")), loader.logs)
        yield Shop(gateway, triton, loader, context)


def answers(container: Container, port: str, path: str) -> bool:
    try:
        return httpx.get(f"http://{container.addresses[port]}{path}", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def ask(shop: Shop, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    url = f"http://{shop.gateway.addresses['SHOP_GATEWAY_PORT']}{path}"
    answer = httpx.post(url, json=body, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == httpx.codes.OK, answer.text
    assert "x-degraded" not in answer.headers, answer.text
    return answer


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_the_best_items_are_those_of_onnx_runtime_in_each_version(shop: Shop, version: int) -> None:
    items, scores = computed(
        shop.context / ".run/3/models", "personalisation", version, user_embedding(shop.context, 5)
    )
    answer = ask(shop, "/v1/recommendations", {"user": 5, "k": 4}, **{"x-model-version": str(version)})
    assert answer.headers["x-model-version"] == str(version)
    assert [item["id"] for item in answer.json()["items"]] == items[0][:4].tolist()
    assert [item["score"] for item in answer.json()["items"]] == pytest.approx(scores[0][:4].tolist(), abs=1e-4)


def test_a_search_and_a_payment_are_answered_by_their_models(shop: Shop) -> None:
    found = ask(shop, "/v1/search", {"user": 3, "query": {"category": 3}, "candidates": [4, 7, 9], "k": 2}).json()
    assert (found["model"], len(found["items"])) == ("ranking", 2)
    payment = {"payment": "p-1", "user": 3, "card": 2, "device": 5, "ip": 1, "amount": 25.0, "category": 3, "hour": 14}
    scored = ask(shop, "/v1/payments/score", payment).json()
    assert scored["decision"] in {"approve", "review", "decline"}
    assert 0 <= scored["probability"] <= 1


def test_no_image_is_larger_than_versions_toml_lets_it_be(images: dict[str, Image]) -> None:
    """The limits are for the small models of these tests; what is trained comes on top."""
    most = {name: load_versions()["images"][name]["own_mb"] for name in images}
    assert {name: image.own_mb for name, image in images.items() if image.own_mb > most[name]} == {}


def test_the_gateway_starts_with_the_charts_own_environment_and_leaves_the_version_to_the_server(
    engine: ContainerEngine, images: dict[str, Image], shop: Shop
) -> None:
    environment = gateway_environment(variant("defaults"))
    flags = (*GATEWAY_FLAGS, *(flag for flag in shop.gateway.flags if "--network" in flag), "--tmpfs=/audit:mode=777")
    moved = {key: value for key, value in shop.gateway.environment.items() if key.endswith(("_HOST", "_PORT"))}
    with Container(
        engine, images["shop-gateway"].reference, GATEWAY_PORTS, environment={**environment, **moved}, flags=flags
    ) as gateway:
        until(lambda: answers(gateway, "SHOP_GATEWAY_PORT", "/readyz"), gateway.logs)
        body = {"user": 2, "k": 3}
        url = f"http://{gateway.addresses['SHOP_GATEWAY_PORT']}/v1/recommendations"

        def from_the_model() -> httpx.Response | None:
            """The first requests may take longer than the chart allows, and get a fallback."""
            answer = httpx.post(url, json=body, headers={"x-model-version": "1"}, trust_env=False, timeout=30)
            return None if "x-degraded" in answer.headers else answer

        answer = until(from_the_model, gateway.logs)
        assert answer
        assert answer.headers["x-model-version"] == answer.json()["version"] == "2"  # the newest it has, whoever asks
        assert gateway.stop(grace_s=60) == 0, gateway.logs()


def test_the_cluster_runs_this_image_on_what_its_own_script_publishes(
    engine: ContainerEngine, images: dict[str, Image], tmp_path: Path
) -> None:
    """The chart's Job and its runtime, with the chart's own command."""
    image, store = images["shop-triton"].reference, tmp_path / "store"
    store.mkdir()
    store.chmod(0o777)
    publish = Container(
        engine,
        image,
        mounts={CHART / "files/publish.sh": "/scripts/publish.sh"},
        command=("/scripts/publish.sh", "/repository", "/store/dev"),
        flags=(*TRITON_FLAGS, "--entrypoint=sh", f"--volume={store}:/store"),
    )
    with publish as job:
        assert job.wait() == 0, job.logs()
    (runtime,) = of_kind(variant("minikube"), "ServingRuntime").values()
    model = of_kind(variant("minikube"), "InferenceService")["fraud"]["spec"]["predictor"]["model"]
    folder = store / model["storageUri"].removeprefix("pvc://models/")
    (container,) = runtime["spec"]["containers"]
    words: list[str] = [*container["command"], *container["args"]]
    with Container(
        engine,
        image,
        TRITON_PORTS,
        environment={each["name"]: each["value"] for each in model["env"]},
        mounts={folder: "/mnt/models"},
        command=tuple(words[1:]),
        flags=(*TRITON_FLAGS, f"--entrypoint={words[0]}"),
    ) as server:
        until(lambda: answers(server, "TRITON_HTTP_PORT", "/v2/health/ready"), server.logs)
        assert answers(server, "TRITON_HTTP_PORT", "/v2/models/fraud/versions/2/ready")
        assert not answers(server, "TRITON_HTTP_PORT", "/v2/models/ranking/ready")
        until(lambda: answers(server, "TRITON_METRICS_PORT", "/metrics"), server.logs)  # Triton opens it last
        metrics = httpx.get(f"http://{server.addresses['TRITON_METRICS_PORT']}/metrics", trust_env=False).text
    for name in ("nv_inference_request_success", "nv_inference_queue_duration_us"):  # what KEDA asks for
        assert f'{name}{{model="fraud"' in metrics


def test_the_production_stage_has_the_repositories_of_nvidias_backends(
    engine: ContainerEngine, images: dict[str, Image], context: Path
) -> None:
    """On another base: NVIDIA's image is many gigabytes, and its server is not what is tested here."""
    assert images
    recipe = next(recipe for recipe in recipes(3, context) if recipe.name == "shop-triton")
    dockerfile = context / recipe.dockerfile
    text = dockerfile.read_text()
    dockerfile.write_text(re.sub(r"(?m)^ARG TRITON_IMAGE=.*$", f"ARG TRITON_IMAGE={images[recipe.name].base}", text))
    built = build(engine, recipe, tag="test-production", target="production")
    dockerfile.write_text(text)
    try:
        command = ("/repository", "-name", "config.pbtxt", "-path", "*/1/*")
        with Container(
            engine, built.reference, command=command, flags=(*Container.flags, "--entrypoint=find")
        ) as listing:
            assert listing.wait() == 0
            assert sorted(listing.logs().splitlines()) == [
                f"/repository/{backend}/1/{model}/config.pbtxt"
                for backend in ("onnxruntime", "tensorrt")
                for model in ("fraud", "personalisation", "ranking")
            ]
    finally:
        engine.run("image", "rm", built.reference)


# --- hardening -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_finds_each_healthy(shop: Shop, name: str) -> None:
    container = shop.container(name)
    until(lambda: container.state()["Health"]["Status"] == "healthy", container.logs)


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_as_a_user_without_name_or_privilege_and_writes_nowhere(shop: Shop, name: str) -> None:
    container = shop.container(name)
    status = dict(line.split(":\t", 1) for line in container.execute("cat", "/proc/1/status").splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    folders = {
        "shop-gateway": ("/", "/app", "/data"),
        "shop-triton": ("/", "/repository/python/all", "/opt/tritonserver"),
    }
    for folder in folders[name]:
        with pytest.raises(EngineError, match=r"Read-only file system|Permission denied"):
            container.execute("python3", "-c", f"open({folder!r} + '/intruder', 'w')")


@pytest.mark.parametrize("name", NAMES)
def test_each_holds_what_it_needs_and_nothing_for_training_or_installing(shop: Shop, name: str) -> None:
    code = "from importlib.util import find_spec as find; print([p for p in {0} if find(p.split('.')[0]) and find(p)])"
    assert shop.container(name).execute("python3", "-c", code.format(NOWHERE[name])) == "[]"


def test_the_gateway_holds_no_graph_and_triton_every_version(shop: Shop) -> None:
    assert shop.gateway.execute("find", "/data", "-name", "*.onnx") == ""
    found = shop.triton.execute("find", "/repository", "-path", "*/all/*", "-name", "model.onnx").splitlines()
    assert len(found) == 6  # three models, two versions


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_is(
    engine: ContainerEngine, images: dict[str, Image], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        sys.stdout.write(f"\n{images[name]}\n")
    (seen,) = json.loads(engine.run("image", "inspect", images[name].reference))
    assert seen["Config"]["Labels"]["org.opencontainers.image.title"] == name
    assert seen["Config"]["User"] == "10001:10001"
    assert "ORT_DISABLE_TELEMETRY=1" in seen["Config"]["Env"], "ONNX Runtime would report to its makers"


# --- start and stop --------------------------------------------------------------------------------------------------


def test_a_setting_that_cannot_be_ends_the_start_with_one_clear_line(
    engine: ContainerEngine, images: dict[str, Image]
) -> None:
    environment = {"SHOP_DEADLINE_MS": "-1"}
    with Container(engine, images["shop-gateway"].reference, GATEWAY_PORTS, environment) as container:
        assert container.wait() == 1
        said = container.logs()
    assert said.startswith("gateway cannot start: SHOP_DEADLINE_MS -1: ")
    assert len(said.splitlines()) == 1


def test_sigterm_ends_each_with_exit_code_0(shop: Shop) -> None:
    """The last one here: it takes the shop apart, the callers first."""
    for container in (shop.gateway, shop.loader, shop.triton):
        asked = time.monotonic()
        assert container.stop(grace_s=60) == 0, container.logs()
        assert time.monotonic() - asked < STOPS_WITHIN_S
        assert not container.state()["OOMKilled"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
