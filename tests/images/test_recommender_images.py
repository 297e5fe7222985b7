"""Level 2's images, built and run for real: together they recommend; each is hardened, slim and quick to stop."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis

from servekit.valkey import valkey_command
from tests.patience import until
from workbench.images import Container, ContainerEngine, EngineError, Image, build, recipes
from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.images

MODELS = ROOT / ".run/2/models/recommender"
STEPS = {
    "recommender-preprocessor": "transform-input",
    "recommender-model": "predict",
    "recommender-postprocessor": "transform-output",
}
PORTS = {
    "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": 9000,
    "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": 9500,
    "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": 6000,
}
NOWHERE = (
    "pip",
    "onnx",
    "sklearn",
    "fastapi",
    "pytest",
    "coverage",
    "servekit.telemetry",
    "recommender.commands",
    "recommender.training",
)
ONLY_IN = {"onnxruntime": "recommender-model", "redis": "recommender-postprocessor"}
STOPS_WITHIN_S = 10


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """Every user's best items; trains first where that was not done."""
    if not (MODELS / "2" / "model.json").is_file():
        subprocess.run([sys.executable, "-m", "recommender.commands.train"], cwd=ROOT, check=True)
    users: dict[str, Any] = json.loads((MODELS / "1" / "golden.json").read_text())["users"]
    return users


@pytest.fixture(scope="module")
def images(engine: ContainerEngine, golden: dict[str, Any]) -> Iterator[dict[str, Image]]:
    assert golden
    built = {recipe.name: build(engine, recipe, tag="test") for recipe in recipes(2)}
    assert set(built) == set(STEPS)
    yield built
    for image in built.values():
        engine.run("image", "rm", image.reference)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A Valkey on this machine that containers can reach."""
    port = _free_port()
    folder = tmp_path_factory.mktemp("valkey")
    with (folder / "log").open("wb") as log:
        command = [*valkey_command(port, folder, host="0.0.0.0"), "--protected-mode", "no"]  # noqa: S104 - in the tests alone
        process = subprocess.Popen(command, stdout=log, stderr=log)
    with redis.Redis(port=port) as client:
        until(lambda: _answers(client), "answering")
        yield client
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def serving(
    engine: ContainerEngine, images: dict[str, Image], inventory: redis.Redis
) -> Iterator[dict[str, Container]]:
    """All three as a cluster would run them, ready."""
    host = "host.docker.internal" if engine.has_bridge() else "127.0.0.1"
    port = inventory.connection_pool.connection_kwargs["port"]
    environment = {"RECOMMENDER_INVENTORY_URL": f"redis://{host}:{port}"}
    flags = (*Container.flags, "--health-interval=1s", "--add-host=host.docker.internal:host-gateway")
    with ExitStack() as stack:
        containers = {
            name: stack.enter_context(Container(engine, image.reference, PORTS, environment=environment, flags=flags))
            for name, image in images.items()
        }
        for container in containers.values():
            until(lambda each=container: is_ready(each), "ready")  # type: ignore[misc]  # bound now
        yield containers


def test_no_recommender_image_is_larger_than_versions_toml_allows(images: dict[str, Image]) -> None:
    most = {name: load_versions()["images"][name]["own_mb"] for name in images}
    assert {name: image.own_mb for name, image in images.items() if image.own_mb > most[name]} == {}


def url(container: Container) -> str:
    return f"http://{container.addresses['PREDICTIVE_UNIT_HTTP_SERVICE_PORT']}"


def is_ready(container: Container) -> bool:
    assert container.state()["Running"], container.logs()
    try:
        return httpx.get(f"{url(container)}/health/status", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def ask(serving: dict[str, Container], wish: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"jsonData": wish}
    for name, path in STEPS.items():
        answer = httpx.post(f"{url(serving[name])}/{path}", json=message, trust_env=False, timeout=30)
        assert answer.status_code == httpx.codes.OK, f"{name}: {answer.text}"
        message = answer.json()
    return message


def test_the_three_containers_recommend_what_numpy_would(serving: dict[str, Container], golden: dict[str, Any]) -> None:
    answer = ask(serving, {"user": 196})
    assert [item["id"] for item in answer["jsonData"]["items"]] == golden["196"]["ids"][:10]
    assert answer["meta"]["tags"]["stock"] == "fresh"
    assert "metrics" not in answer["meta"]


def test_what_is_sold_out_is_not_recommended(
    serving: dict[str, Container], golden: dict[str, Any], inventory: redis.Redis
) -> None:
    first, second = golden["196"]["ids"][:2]
    inventory.setbit("recommender:out-of-stock", first, 1)
    assert ask(serving, {"user": 196, "k": 1})["jsonData"]["items"][0]["id"] == second


@pytest.mark.parametrize("name", STEPS)
def test_the_engine_finds_each_container_healthy(serving: dict[str, Container], name: str) -> None:
    until(lambda: serving[name].state()["Health"]["Status"] == "healthy", "healthy")


@pytest.mark.parametrize("name", STEPS)
def test_each_container_runs_as_a_user_without_name_or_privilege(serving: dict[str, Container], name: str) -> None:
    status = dict(line.split(":\t", 1) for line in serving[name].execute("cat", "/proc/1/status").splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    for folder in ("/", "/app", "/opt/venv", "/models/recommender/1"):
        with pytest.raises(EngineError, match=r"Read-only file system|Permission denied"):
            serving[name].execute("python", "-c", f"open({folder!r} + '/intruder', 'w')")


@pytest.mark.parametrize("name", STEPS)
def test_each_image_has_the_packages_that_it_needs_and_no_others(serving: dict[str, Container], name: str) -> None:
    for package in NOWHERE:
        assert not _has(serving[name], package), package
    for package, owner in ONLY_IN.items():
        assert _has(serving[name], package) == (name == owner), package


@pytest.mark.parametrize("name", STEPS)
def test_each_images_labels_say_what_it_is(
    engine: ContainerEngine, images: dict[str, Image], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        sys.stdout.write(f"\n{images[name]}\n")
    (seen,) = json.loads(engine.run("image", "inspect", images[name].reference))
    assert seen["Config"]["Labels"]["org.opencontainers.image.title"] == name
    assert seen["Config"]["User"] == "10001:10001"
    assert "ORT_DISABLE_TELEMETRY=1" in seen["Config"]["Env"], "ONNX Runtime would report to its makers"


@pytest.mark.parametrize("name", STEPS)
def test_sigterm_ends_each_container_with_exit_code_0(
    engine: ContainerEngine, images: dict[str, Image], name: str
) -> None:
    with Container(engine, images[name].reference, PORTS) as container:
        until(lambda: is_ready(container), "ready")
        asked = time.monotonic()
        assert container.stop(grace_s=60) == 0, container.logs()
        assert time.monotonic() - asked < STOPS_WITHIN_S


@pytest.mark.parametrize("name", STEPS)
def test_without_its_model_each_container_ends_with_one_clear_line(
    engine: ContainerEngine, images: dict[str, Image], name: str
) -> None:
    with Container(engine, images[name].reference, PORTS, {"RECOMMENDER_MODEL_DIR": "/models/none"}) as container:
        assert container.wait() == 1
        said = container.logs()
    step = name.removeprefix("recommender-")
    assert f"{step} cannot start: /models/none/model.json: No such file or directory: run make train-2" in said
    assert "Traceback" not in said


def _has(container: Container, package: str) -> bool:
    top = package.partition(".")[0]
    code = f"from importlib.util import find_spec as find; print(bool(find({top!r}) and find({package!r})))"
    return container.execute("python", "-c", code) == "True"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
