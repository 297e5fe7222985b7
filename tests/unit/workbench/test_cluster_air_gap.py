"""The images of a cluster without a way out: the level's own, its operators', and those that these start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.workbench.cluster_tools import PIPELINE, SHOP, Tools
from workbench.cluster.air_gap import named_images, save_images
from workbench.cluster.charts import install_commands, template_commands
from workbench.cluster.shell import ClusterError
from workbench.manifests.documents import parse

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.versions import Cluster

EXECUTOR = "docker.io/seldonio/seldon-core-executor:1.17.1"
SOLVER = "quay.io/jetstack/cert-manager-acmesolver:v1.17.0"
INITIALIZER = "kserve/storage-initializer:v0.21.0"
OPERATOR = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: operator}}
spec:
  template:
    spec:
      containers:
        - name: manager
          image: docker.io/seldonio/seldon-core-operator:1.17.1
          args: [--enable-leader-election, --acme-http01-solver-image={SOLVER}, --image-pull-policy=Always]
          env:
            - {{name: EXECUTOR_CONTAINER_IMAGE_AND_VERSION, value: "{EXECUTOR}"}}
            - {{name: EXECUTOR_CONTAINER_IMAGE_PULL_POLICY, value: IfNotPresent}}
            - {{name: RELATED_IMAGE_SKLEARNSERVER, value: ""}}
            - {{name: WATCH, value: "a/b:c"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: inferenceservice-config}}
data:
  _example: "not JSON: {{"
  explainers: '{{"art": {{"image": "kserve/art-explainer"}}}}'
  storageInitializer: '{{"image": "{INITIALIZER}", "memoryRequest": "100Mi", "more": [{{"image": 3}}]}}'
"""


def test_what_an_operator_is_told_to_start_is_found_beside_what_runs_it() -> None:
    assert named_images(parse(OPERATOR, "operator")) == [
        EXECUTOR,
        "docker.io/seldonio/seldon-core-operator:1.17.1",
        INITIALIZER,
        SOLVER,
    ]


def test_the_images_of_the_level_and_its_operator_are_pulled_and_saved_together(tools: Tools, tmp_path: Path) -> None:
    tools.chart(OPERATOR)
    save_images(PIPELINE, tmp_path)
    (template,) = tools.called("helm template ")
    assert template.startswith(
        "helm template seldon-core seldon-core-operator --version 1.17.1 --namespace seldon-system "
    )
    assert not {"--wait", "--install", "--create-namespace", "--kube-context"} & {*template.split()}
    saved = tools.calls[-1]
    assert saved.startswith(f"docker save --output {tmp_path}/2/images.tar recommender-model:dev ")
    assert EXECUTOR in saved.split()
    assert tools.called("docker pull valkey/valkey:8.1.3@sha256:")
    assert tools.called(f"docker pull {EXECUTOR}")


def test_an_image_named_by_its_digest_keeps_its_name_through_the_file(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Docker saves it without a name, and a node that is told a digest looks for nothing else."""
    save_images(PIPELINE, tmp_path)
    assert [word for word in tools.calls[-1].split() if "valkey" in word] == ["valkey/valkey:8.1.3"]
    (tagged,) = tools.called("docker tag valkey/valkey:8.1.3@sha256:")
    _, _, pinned, tag = tagged.split()
    assert tag == "valkey/valkey:8.1.3"
    digest = pinned.partition("@")[2]
    renamed = f"images tag docker.io/valkey/valkey:8.1.3 docker.io/valkey/valkey@{digest}"
    said = capsys.readouterr().out.splitlines()
    assert f"  ctr -n k8s.io {renamed}" in said[said.index("  ctr -n k8s.io images import images.tar") :]


@pytest.mark.parametrize("level", [PIPELINE, SHOP], ids=["level 2", "level 3"])
def test_what_is_shown_of_a_chart_is_what_would_be_installed(level: Cluster) -> None:
    installed = [command for command in install_commands(level, "there", optional=False) if command[0] == "helm"]
    only = ["upgrade", "--install", "--kube-context", "there", "--create-namespace", "--wait"]
    shown = list(template_commands(level).values())
    assert [sorted({*command} - {"template"}) for command in shown] == [
        sorted({*command} - {*only}) for command in installed
    ]
    assert all(command[:2] == ["helm", "template"] for command in shown)


def test_the_proxy_that_envoy_gateway_starts_is_saved_although_its_chart_does_not_name_it(
    tools: Tools, tmp_path: Path
) -> None:
    save_images(SHOP, tmp_path)
    assert "docker.io/envoyproxy/envoy:distroless-v1.39.1" in tools.calls[-1].split()
    assert [call.split()[2] for call in tools.called("helm template ")] == [
        "cert-manager",
        "envoy-gateway",
        "kserve-crd",
        "kserve-resources",
    ]


def test_without_helm_the_commands_that_show_the_operators_images_are_printed(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tools.folder / "helm").unlink()
    save_images(PIPELINE, tmp_path)
    said = capsys.readouterr().out
    assert (
        "without the operators' images: helm is not on PATH; these commands show them:\n  helm template seldon-" in said
    )
    assert "--kube-context" not in said


def test_a_chart_that_cannot_be_had_ends_the_command_before_an_image_is_pulled(tools: Tools, tmp_path: Path) -> None:
    tools.fail("helm template")
    with pytest.raises(ClusterError, match=r"helm template seldon-core .*: exit 3.*; is its repository within reach\?"):
        save_images(PIPELINE, tmp_path)
    assert tools.called("docker ") == []
