"""The image of Kubeflow's tasks: what the pipeline compiles to names it, and all of its steps run in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration.release.conftest import promise
from workbench.images import ContainerEngine, Image, build, release_recipe
from workbench.images.sbom import bill_of_materials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.images

PIPELINE = "/app/infra/pipelines/kubeflow/release_pipeline.py"
HARDENED = ("--rm", "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@pytest.fixture(scope="module")
def image(engine: ContainerEngine) -> Iterator[Image]:
    built = build(engine, release_recipe(), tag="test")
    yield built
    engine.run("image", "rm", built.reference)


def test_level_1_is_released_in_it_and_the_registry_knows_the_commit(
    engine: ContainerEngine, image: Image, tmp_path: Path
) -> None:
    held_to = promise(tmp_path, 5000)
    run = f"python {PIPELINE} run /work/tasks --sla /promise.toml --rate 60 --duration 6"
    shown = "$RELEASE_PYTHON -m workbench.registry --json"
    command = ["sh", "-c", f"{run} >/work/log 2>&1 || {{ cat /work/log; exit 1; }}; {shown}"]
    said = engine.run(
        "run", *HARDENED, f"--volume={held_to}:/promise.toml:ro", image.reference, *command, timeout_s=240
    )
    model = json.loads(said)["iris"]
    assert model["aliases"] == {"champion": 1}
    tags = model["versions"]["1"]["tags"]
    assert tags["git_commit"] != "unknown"
    assert json.loads(tags["gate"])["passed"] is True


def test_the_compiled_pipeline_names_it(engine: ContainerEngine, image: Image) -> None:
    command = ["sh", "-c", f"python {PIPELINE} compile /work/release.yaml && cat /work/release.yaml"]
    shared = {"RELEASE_IMAGE": image.reference, "MLFLOW_TRACKING_URI": "http://registry:5000"}
    given = [f"--env={name}={value}" for name, value in shared.items()]
    compiled = yaml.safe_load(engine.run("run", *HARDENED, *given, image.reference, *command))
    containers = [each["container"] for each in compiled["deploymentSpec"]["executors"].values()]
    assert {each["image"] for each in containers} == {image.reference}
    assert all({"name": "MLFLOW_TRACKING_URI", "value": "http://registry:5000"} in each["env"] for each in containers)


def test_a_bill_of_materials_tells_what_is_in_it(engine: ContainerEngine, image: Image) -> None:
    assert {"kfp"} <= {each["name"] for each in json.loads(bill_of_materials(engine, image))["components"]}
