"""How level 3's models get onto their volume: the chart's own scripts, run by a real shell on real folders."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import GENEROUS_S
from tests.shop_chart import CHART, changed, of_kind, variant
from workbench.manifests.pods import selects

if TYPE_CHECKING:
    from pathlib import Path

SETS = ("onnxruntime/1", "onnxruntime/2", "onnxruntime/all", "tensorrt/1")


def run(script: str, *arguments: Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(CHART / "files" / script), *map(str, arguments)]
    settings = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=settings)


def write_set(folder: Path, content: str) -> None:
    files = {"ranking/config.pbtxt": "name", "ranking/1/model.onnx": content}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    sums = [f"{hashlib.sha256(text.encode()).hexdigest()}  ./{name}\n" for name, text in files.items()]
    (folder / "SHA256SUMS").write_text("".join(sums))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What lies in the image under /repository."""
    for name in SETS:
        write_set(tmp_path / "repository" / name, f"graph of {name}")
    return tmp_path / "repository"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store" / "0.1.0"


def test_every_set_arrives_whole(image: Path, store: Path) -> None:
    done = run("publish.sh", image, store)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{name}: published" for name in SETS]
    for name in SETS:
        assert (store / name / "ranking/1/model.onnx").read_text() == f"graph of {name}"
    assert sorted(path.name for path in store.iterdir()) == ["onnxruntime", "tensorrt"]


def test_what_is_there_is_left_alone_for_servers_have_it_open(image: Path, store: Path) -> None:
    run("publish.sh", image, store)
    graph = store / "onnxruntime/1/ranking/1/model.onnx"
    (graph.parent / "model.plan").write_text("built here")
    before = graph.stat().st_ino
    done = run("publish.sh", image, store)
    assert done.stdout.splitlines() == [f"{name}: in the store already" for name in SETS]
    assert graph.stat().st_ino == before
    assert (graph.parent / "model.plan").exists()


def test_a_tag_that_was_built_again_replaces_its_set(image: Path, store: Path) -> None:
    run("publish.sh", image, store)
    write_set(image / "onnxruntime/1", "another graph")
    done = run("publish.sh", image, store)
    assert "onnxruntime/1: published" in done.stdout
    assert (store / "onnxruntime/1/ranking/1/model.onnx").read_text() == "another graph"


def test_a_file_that_is_not_what_the_build_wrote_is_not_published(image: Path, store: Path) -> None:
    (image / "onnxruntime/2/ranking/1/model.onnx").write_text("damaged")
    done = run("publish.sh", image, store)
    assert done.returncode != 0
    assert "ranking/1/model.onnx: FAILED" in done.stdout
    assert (store / "onnxruntime/1").exists()
    assert not (store / "onnxruntime/2").exists()


def test_a_server_waits_for_its_models(image: Path, store: Path) -> None:
    command = ["sh", str(CHART / "files/wait.sh"), str(store / "onnxruntime/1"), "ranking", "onnxruntime"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "WAIT_S": "0.05"}) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline().endswith("ranking is not complete yet\n")
        run("publish.sh", image, store)
        assert waiting.wait(timeout=GENEROUS_S) == 0


def test_with_tensorrt_a_server_waits_for_its_models_and_engines(image: Path, store: Path) -> None:
    run("publish.sh", image, store)
    folder = store / "tensorrt/1"
    assert run("wait.sh", folder, "ranking", "graphs").returncode == 0
    command = ["sh", str(CHART / "files/wait.sh"), str(folder), "ranking", "tensorrt"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "WAIT_S": "0.05"}) as waiting:
        assert waiting.stdout is not None
        assert "not complete" in waiting.stdout.readline()
        (folder / "ranking/1/model.plan").write_text("an engine")
        assert waiting.wait(timeout=GENEROUS_S) == 0


def test_the_scripts_in_the_cluster_are_these_files() -> None:
    data = of_kind(variant("gpu"), "ConfigMap")
    for name in ("publish.sh", "wait.sh"):
        assert data["model-store"]["data"][name].strip() == (CHART / "files" / name).read_text().strip()
    builder = CHART.parent / "tensorrt" / "build_engine.py"
    assert data["tensorrt"]["data"]["build_engine.py"].strip() == builder.read_text().strip()


def test_the_engines_are_built_by_the_servers_image_on_the_servers_kind_of_node_one_at_a_time() -> None:
    (job,) = [body for name, body in of_kind(variant("gpu"), "Job").items() if name.startswith("build-engines")]
    pod = job["spec"]["template"]["spec"]
    (runtime,) = of_kind(variant("gpu"), "ServingRuntime").values()
    images = {container["image"] for container in [*pod["initContainers"], *pod["containers"]]}
    assert images == {runtime["spec"]["containers"][0]["image"]}
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"}
    assert [each["name"] for each in pod["initContainers"]] == ["wait-for-1", "build-1"]  # no weight, no candidate
    (verify,) = pod["containers"]
    assert verify["resources"]["limits"]["nvidia.com/gpu"] == "1"
    served = {
        body["spec"]["predictor"]["model"]["storageUri"]
        for body in of_kind(variant("gpu"), "InferenceService").values()
    }
    assert served == {"pvc://models" + verify["command"][-1].removeprefix("/store")}


@pytest.mark.parametrize("name", ["gpu", "region-us"])
def test_what_builds_engines_has_no_network(name: str) -> None:
    (job,) = [body for job, body in of_kind(variant(name), "Job").items() if job.startswith("build-engines")]
    labels = job["spec"]["template"]["metadata"]["labels"]
    policies = of_kind(variant(name), "NetworkPolicy")
    assert [each for each, body in policies.items() if selects(body["spec"]["podSelector"], labels)] == ["default-deny"]
    assert policies["default-deny"]["spec"]["policyTypes"] == ["Ingress", "Egress"]


DIGEST = f"dev@sha256:{'0123456789ab' * 5}0123"


@pytest.mark.parametrize(
    "change",
    [
        {"images": {"triton": {"tag": "0.1.1"}}},
        {"images": {"triton": {"tag": DIGEST}}},
        {"images": {"pullSecrets": ["registry"]}},
        {"priorityClasses": {"batch": "theirs"}},
    ],
    ids=["tag", "digest", "secret", "priority"],
)
def test_a_job_with_other_content_has_another_name_for_a_job_cannot_be_changed(change: dict[str, Any]) -> None:
    before, after = of_kind(variant("gpu"), "Job"), of_kind(changed("gpu", **change), "Job")
    assert len({*before, *after}) == 4
    assert all(re.fullmatch(r"(publish-models|build-engines)-[0-9a-f]{8,10}", name) for name in after)
    assert set(of_kind(changed("gpu", gateway={"deadlineMs": 40}), "Job")) == set(before)


def test_models_of_an_image_with_a_digest_lie_in_a_folder_that_its_first_digits_name() -> None:
    documents = changed("gpu", images={"triton": {"tag": DIGEST}})
    for body in of_kind(documents, "InferenceService").values():
        assert body["spec"]["predictor"]["model"]["storageUri"] == "pvc://models/dev-0123456789ab/tensorrt/1"
    (publish,) = [body for name, body in of_kind(documents, "Job").items() if name.startswith("publish")]
    (container,) = publish["spec"]["template"]["spec"]["containers"]
    assert container["command"][-1] == "/store/dev-0123456789ab"
    assert container["image"] == f"shop-triton:{DIGEST}"
