"""The Iris API's image, built and run for real: right, hardened, slim, quick to stop, clear about a broken model."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import grpc
import httpx
import numpy as np
import pytest

from iris_api.commands.calls import CALLS, ApiClient
from iris_api.commands.client import TOLERANCE
from iris_api.training.golden import Golden, read_golden
from tests.cyclonedx_schema import check_bill
from tests.patience import until
from workbench.images import Container, ContainerEngine, EngineError, Image, build, recipes
from workbench.images.sbom import bill_of_materials
from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.images

MODEL = ROOT / ".run/1/models/iris/1"
PORTS = {"IRIS_PORT": 8100, "IRIS_GRPC_PORT": 8101}
TRAINING = (
    "sklearn",
    "scipy",
    "joblib",
    "onnx",
    "skl2onnx",
    "locust",
    "pytest",
    "pip",
    "setuptools",
    "iris_api.commands",
    "iris_api.training",
)
DRAIN_S = 15  # the drain and its limit, with room for the engine


@pytest.fixture(scope="module")
def golden() -> Golden:
    """The rows with scikit-learn's own answers; trains first where that was not done."""
    if not (MODEL / "golden.json").is_file():
        subprocess.run([sys.executable, "-m", "iris_api.commands.train"], cwd=ROOT, check=True)
    return read_golden(MODEL)


@pytest.fixture(scope="module")
def image(engine: ContainerEngine, golden: Golden) -> Iterator[Image]:
    assert len(golden.labels) == 150
    built = build(engine, recipes(1)[0], tag="test")
    yield built
    engine.run("image", "rm", built.reference)


@pytest.fixture(scope="module")
def serving(engine: ContainerEngine, image: Image) -> Iterator[Container]:
    """The service as a cluster would run it, ready."""
    with Container(engine, image.reference, PORTS, flags=(*Container.flags, "--health-interval=1s")) as container:
        until(lambda: is_ready(container), container.logs)
        yield container


def is_ready(container: Container) -> bool:
    try:
        return httpx.get(f"{url(container)}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def url(container: Container) -> str:
    return f"http://{container.addresses['IRIS_PORT']}"


def inside(container: Container, code: str) -> str:
    """What a Python program prints, run by the container's own interpreter and user."""
    return container.execute("python", "-c", code)


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", CALLS)
def test_every_answer_is_the_one_scikit_learn_gave(serving: Container, golden: Golden, protocol: str) -> None:
    with (
        httpx.Client(base_url=url(serving), trust_env=False, timeout=30) as http,
        grpc.insecure_channel(serving.addresses["IRIS_GRPC_PORT"]) as channel,
    ):
        labels, probabilities = CALLS[protocol](ApiClient(http, channel), golden.features)
    np.testing.assert_array_equal(labels, golden.labels)
    np.testing.assert_allclose(probabilities, golden.probabilities, atol=TOLERANCE)


def test_the_engine_finds_the_container_healthy(serving: Container) -> None:
    until(lambda: serving.state()["Health"]["Status"] == "healthy", serving.logs)


def test_the_containers_log_has_only_json_lines(serving: Container) -> None:
    messages = [json.loads(line)["message"] for line in serving.logs().splitlines()]
    assert any(message.startswith("serving iris on ") for message in messages)


def test_the_image_is_no_larger_than_versions_toml_allows(image: Image) -> None:
    assert image.own_mb <= load_versions()["images"]["iris-api"]["own_mb"]


def test_the_bill_of_materials_names_packages_system_and_model(engine: ContainerEngine, image: Image) -> None:
    document = bill_of_materials(engine, image)
    check_bill(document)
    parts = {each["name"]: each for each in json.loads(document)["components"]}
    assert {"onnxruntime", "pyarrow", "fastapi", "libc6", "iris"} <= parts.keys()
    assert not {"pip", "pytest", "scikit-learn", "locust"} & parts.keys()
    card = json.loads((MODEL / "model.json").read_text())
    assert parts["iris"]["hashes"] == [{"alg": "SHA-256", "content": card["sha256"]}]


# --- hardening -------------------------------------------------------------------------------------------------------


def test_the_container_runs_as_a_user_without_name_or_privilege(serving: Container) -> None:
    status = dict(line.split(":\t", 1) for line in serving.execute("cat", "/proc/1/status").splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("folder", ["/", "/app", "/opt/venv", "/models/iris/1", "/dev"])
def test_the_container_cannot_write_to_its_root_file_system(serving: Container, folder: str) -> None:
    code = f"open({folder!r} + '/intruder', 'w')"
    with pytest.raises(EngineError, match=r"Read-only file system|Permission denied"):
        inside(serving, code)


@pytest.mark.parametrize("folder", ["/app", "/opt/venv", "/models"])
def test_the_containers_user_owns_none_of_the_files_that_it_runs(serving: Container, folder: str) -> None:
    assert (
        serving.execute("find", folder, "(", "-user", "10001", "-o", "-perm", "-o+w", "-a", "!", "-type", "l", ")")
        == ""
    )


# --- contents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", TRAINING)
def test_the_image_has_no_package_for_training_testing_or_installing(serving: Container, package: str) -> None:
    found = inside(serving, f"import importlib.util as u; print(u.find_spec({package!r}))")
    assert found == "None"


def test_bytecode_is_compiled_so_that_a_start_compiles_nothing(serving: Container) -> None:
    code = "import os, {0}; print(os.path.isfile({0}.__cached__))"
    for module in ("iris_api.settings", "servekit.errors", "onnxruntime", "fastapi"):
        assert inside(serving, code.format(module)) == "True"


def test_the_image_has_neither_the_golden_answers_nor_the_ca_of_the_build(serving: Container) -> None:
    assert serving.execute("find", "/models", "-name", "golden.json") == ""
    with pytest.raises(EngineError):
        serving.execute("test", "-s", "/run/secrets/ca.pem")


def test_the_images_labels_say_what_it_is(
    engine: ContainerEngine, image: Image, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        sys.stdout.write(f"\n{image}\n")
    (seen,) = json.loads(engine.run("image", "inspect", image.reference))
    assert seen["Config"]["Labels"]["org.opencontainers.image.title"] == "iris-api"
    assert seen["Config"]["Labels"]["org.opencontainers.image.revision"] not in ("", "unknown")
    assert seen["Config"]["User"] == "10001:10001"
    assert "ORT_DISABLE_TELEMETRY=1" in seen["Config"]["Env"], "ONNX Runtime would report to its makers"
    assert set(seen["Config"]["ExposedPorts"]) == {"8100/tcp", "8101/tcp"}


# --- start and stop --------------------------------------------------------------------------------------------------


def test_sigterm_ends_the_container_within_the_drain_with_exit_code_0(engine: ContainerEngine, image: Image) -> None:
    with Container(engine, image.reference, PORTS) as container:
        until(lambda: is_ready(container), container.logs)
        asked = time.monotonic()
        assert container.stop(grace_s=60) == 0, container.logs()
        assert time.monotonic() - asked < DRAIN_S
        assert not container.state()["OOMKilled"]


def test_several_workers_run_on_a_read_only_root(engine: ContainerEngine, image: Image) -> None:
    with Container(engine, image.reference, PORTS, environment={"IRIS_WORKERS": "2"}) as container:
        until(lambda: is_ready(container), container.logs)
        metrics = httpx.get(f"{url(container)}/metrics", trust_env=False).text
        assert container.stop(grace_s=60) == 0, container.logs()
    assert "serving_model_info" in metrics


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "model.onnx"), (b"not a model", "sha256")], ids=["missing", "corrupted"]
)
def test_a_broken_model_ends_the_start_with_one_clear_line(
    engine: ContainerEngine, image: Image, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.json").write_bytes((MODEL / "model.json").read_bytes())
    if content is not None:
        (model / "model.onnx").write_bytes(content)
    for path in (tmp_path, model, *model.iterdir()):
        path.chmod(0o755)
    with Container(engine, image.reference, PORTS, mounts={model: "/models/iris/1"}) as container:
        assert container.wait() != 0
        said = container.logs()
    assert reason in said
    assert "Traceback" not in said
