"""What is asked of kubectl, docker, minikube and their like, told by stand-ins on PATH that write their arguments down.

No cluster runs here: these tests prove the commands, their order and what happens when one fails. That the manifests
are right is proven in ``tests/manifests``, offline; nothing here shows a real cluster taking them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from tests.unit.workbench.cluster_tools import CONTENT, DIGEST, LEVEL, OVERLAY, TAG, Tools
from workbench.cluster.__main__ import main
from workbench.cluster.charts import chart_commands
from workbench.cluster.deploy import deploy, find_overlay, undeploy
from workbench.cluster.shell import ClusterError
from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


# --- which cluster ---------------------------------------------------------------------------------------------------


def test_deploy_brings_the_image_applies_what_was_validated_and_waits(
    tools: Tools, capfd: pytest.CaptureFixture[str]
) -> None:
    deploy(LEVEL, OVERLAY)
    assert [call for call in tools.calls if "can-i" not in call] == [
        "minikube status --profile iris",
        "kubectl --context iris get --raw /version",
        "docker image inspect --format={{.Id}} iris-api:dev",
        f"docker tag iris-api:dev iris-api:{TAG}",
        f"minikube image load iris-api:{TAG} --profile iris",
        "kubectl --context iris apply -f -",
        "kubectl --context iris --namespace iris rollout status deployment/iris-api --timeout=180s",
    ]
    assert f"image: iris-api:{TAG}\n" in tools.applied
    shown = capfd.readouterr().out
    assert shown.startswith("context iris; images built here (by minikube): iris-api:dev\n")
    assert "  in iris: ServiceAccount iris-api; Service iris-api; Deployment iris-api\n" in shown
    assert "kubectl --context iris --namespace iris port-forward service/iris-api 8100:8100" in shown
    assert "curl http://127.0.0.1:8100/readyz" in shown


def test_the_cluster_that_is_named_is_taken_without_minikube_or_a_question(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTEXT", "kind-mine")
    (tools.folder / "minikube").unlink()
    deploy(LEVEL, OVERLAY)
    assert tools.calls[0] == "kubectl config get-contexts kind-mine --output name"
    assert f"kind load docker-image iris-api:{TAG} --name mine" in tools.calls
    assert "kubectl --context kind-mine apply -f -" in tools.calls


def test_a_context_that_the_kubeconfig_does_not_know_is_named(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTEXT", "nowhere")
    tools.fail("get-contexts")
    with pytest.raises(ClusterError, match=r"^CONTEXT nowhere: the kubeconfig has no such context; `kubectl config"):
        deploy(LEVEL, OVERLAY)


@pytest.mark.parametrize(("answer", "applied"), [("y\n", 1), ("n\n", 0), ("", 0)])
def test_a_cluster_that_nobody_named_is_asked_about_first(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], answer: str, applied: int
) -> None:
    tools.fail("minikube status")
    tools.current("k3d-theirs")
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    if applied:
        deploy(LEVEL, OVERLAY)
    else:
        with pytest.raises(ClusterError, match=r"^context k3d-theirs: left as it is$"):
            deploy(LEVEL, OVERLAY)
    assert len(tools.called(" apply ")) == len(tools.called("k3d image import")) == applied
    assert "Deploy level 1 there? [y/N]" in capfd.readouterr().out


def test_where_nobody_can_answer_it_stays_as_it_is_unless_yes_was_said(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.fail("minikube status")
    tools.current("k3d-theirs")
    with pytest.raises(
        ClusterError, match="nobody is here to confirm it; name one with CONTEXT=…, or confirm with YES=1"
    ):
        deploy(LEVEL, OVERLAY)
    assert not tools.called(" apply ")
    monkeypatch.setenv("YES", "1")
    deploy(LEVEL, OVERLAY)
    assert tools.called("--context k3d-theirs apply")


def test_without_any_cluster_deploy_says_how_to_start_one(tools: Tools) -> None:
    (tools.folder / "minikube").unlink()
    tools.fail("current-context")
    with pytest.raises(ClusterError) as caught:
        deploy(LEVEL, OVERLAY)
    assert str(caught.value) == (
        "cluster iris: not running, and the kubeconfig has no current context; `make cluster-up-1` starts one, "
        "or name one with CONTEXT=…"
    )


def test_a_right_that_is_missing_is_named_before_anything_changes(tools: Tools) -> None:
    tools.fail("can-i patch deployment.apps")
    with pytest.raises(ClusterError) as caught:
        deploy(LEVEL, OVERLAY)
    assert str(caught.value) == (
        "context iris: a right is missing; ask the cluster's owner for it, or take another cluster with CONTEXT=…:\n"
        "  patch deployment.apps in namespace iris"
    )
    assert not tools.called("image load")
    assert "kubectl --context iris auth can-i create namespace --quiet" in tools.calls


def test_a_server_that_does_not_answer_is_not_called_a_missing_right(tools: Tools) -> None:
    tools.fail("get --raw /version")
    with pytest.raises(ClusterError, match=r"^context iris: its API server does not answer: no answer$"):
        deploy(LEVEL, OVERLAY)


# --- images ----------------------------------------------------------------------------------------------------------


def test_an_image_built_again_has_another_name_so_that_it_is_rolled_out(tools: Tools) -> None:
    deploy(LEVEL, OVERLAY)
    first = tools.applied
    for name in ("docker", "kubectl"):
        tool = tools.folder / name
        tool.write_text(tool.read_text().replace(CONTENT, "ba9876543210"))
    deploy(LEVEL, OVERLAY)
    assert "image: iris-api:dev-ba9876543210\n" in tools.applied
    assert tools.applied.replace("ba9876543210", CONTENT) == first
    assert not tools.called("rollout restart")


@pytest.mark.parametrize(
    ("way", "called"),
    [
        ("ctr", "ctr --namespace k8s.io images import -"),
        ("k3s", "k3s ctr images import -"),
        ("k3d", f"k3d image import iris-api:{TAG} --cluster theirs"),
        ("minikube", f"minikube image load iris-api:{TAG} --profile theirs"),
    ],
)
def test_images_come_the_way_that_is_named(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, way: str, called: str
) -> None:
    monkeypatch.setenv("CONTEXT", "theirs")
    monkeypatch.setenv("IMAGES", way)
    deploy(LEVEL, OVERLAY)
    assert called in tools.calls
    if "import -" in called:
        assert (tools.folder / "imported").read_text() == "an image\n"


def test_images_that_are_there_already_are_left_alone(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES", "none")
    deploy(LEVEL, OVERLAY)
    assert not tools.called("docker")
    assert "image: iris-api:dev\n" in tools.applied


def test_from_a_registry_the_image_runs_by_its_digest(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY", "host:5000/p/")
    deploy(LEVEL, OVERLAY)
    assert f"docker push host:5000/p/iris-api:{TAG}" in tools.calls
    assert f"image: host:5000/p/iris-api:{TAG}@{DIGEST}\n" in tools.applied


def test_a_release_runs_by_its_digest_once_its_signature_is_checked(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "REGISTRY": "host:5000/p",
        "RELEASE": "v1.2.0",
        "SIGNER": "https://ci/release",
        "SIGNER_ISSUER": "https://ci",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    deploy(LEVEL, OVERLAY)
    assert not tools.called("docker push")
    assert "docker pull --quiet host:5000/p/iris-api:v1.2.0" in tools.calls
    (checked,) = tools.called("cosign verify")
    assert checked.endswith(f"host:5000/p/iris-api@{DIGEST}")
    assert f"image: host:5000/p/iris-api:v1.2.0@{DIGEST}\n" in tools.applied
    tools.fail("cosign verify")
    (tools.folder / "applied.yaml").unlink()
    with pytest.raises(ClusterError, match=r"^image host:5000/p/iris-api@sha256:.*: cosign verify: exit code 3"):
        deploy(LEVEL, OVERLAY)
    assert not (tools.folder / "applied.yaml").exists()


def test_a_release_without_its_registry_is_refused(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE", "v1.2.0")
    with pytest.raises(ClusterError) as caught:
        deploy(LEVEL, OVERLAY)
    assert str(caught.value) == "RELEASE v1.2.0: expected REGISTRY=host/path, where `make publish-N` put it"
    assert not tools.called("apply")


def test_a_cluster_of_unknown_make_must_be_told_how_images_come(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTEXT", "theirs")
    tools.fail("minikube status")
    known = "IMAGES=minikube, IMAGES=kind, IMAGES=k3d, IMAGES=k3s, IMAGES=ctr, IMAGES=none or REGISTRY=host/path"
    with pytest.raises(ClusterError) as caught:
        deploy(LEVEL, OVERLAY)
    assert str(caught.value) == f"context theirs: say how images come to its nodes: {known}"
    monkeypatch.setenv("IMAGES", "scp")
    with pytest.raises(ClusterError) as caught:
        deploy(LEVEL, OVERLAY)
    assert str(caught.value) == f"IMAGES=scp: no such way: {known}"


def test_an_image_that_is_not_built_says_how_to_build_it(tools: Tools) -> None:
    tools.fail("image inspect")
    with pytest.raises(ClusterError, match=r"^image iris-api:dev: docker image: .*; is it built\? `make image-1`$"):
        deploy(LEVEL, OVERLAY)


# --- what goes wrong, and away ---------------------------------------------------------------------------------------


def test_a_rollout_that_hangs_shows_pods_events_and_logs(tools: Tools) -> None:
    tools.fail("rollout status")
    with pytest.raises(ClusterError, match="deployment/iris-api: not rolled out within 180 s"):
        deploy(LEVEL, OVERLAY)
    assert [call.split()[5] for call in tools.calls[-3:]] == ["get", "get", "logs"]


def test_an_invalid_overlay_never_reaches_the_cluster(tools: Tools, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndta: {}\n")
    (overlay / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    with pytest.raises(ClusterError, match=r"ConfigMap/a: \$\.dta \{\}: unknown field; did you mean data\?"):
        deploy(LEVEL, overlay)
    assert tools.calls == ["minikube status --profile iris"]


def test_undeploy_deletes_what_was_applied(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    undeploy(LEVEL, OVERLAY)
    assert tools.calls[-1] == "kubectl --context iris delete --ignore-not-found -f -"
    assert "kind: Namespace" in (tools.folder / "deleted.yaml").read_text()
    assert "context iris: this deletes, with everything in the namespace and its volumes:" in capsys.readouterr().out


def test_undeploy_asks_in_every_cluster_but_the_levels_own(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTEXT", "theirs")
    with pytest.raises(ClusterError, match=r"^context theirs: nobody is here to confirm it; confirm with YES=1$"):
        undeploy(LEVEL, OVERLAY)
    assert not tools.called(" delete ")
    monkeypatch.setenv("YES", "1")
    undeploy(LEVEL, OVERLAY)
    assert tools.called("--context theirs delete")


# --- the level's own cluster -----------------------------------------------------------------------------------------


def test_up_starts_the_levels_own_cluster_as_large_as_its_pods_ask_for(
    tools: Tools, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "1"]) == 0
    version = load_versions()["kubernetes"]["level-1"]["version"]
    size = "--cpus 2 --memory 2048mb"
    assert tools.calls == [f"minikube start --profile iris --kubernetes-version v{version} {size}"]
    shown = capfd.readouterr().out
    assert shown.startswith(
        "level 1 asks for 1.25 cores and 1.5 GiB, its operators and Kubernetes included; this machine has "
    )
    assert shown.endswith("next: make deploy-1\n")


def test_up_installs_what_level_3_needs_with_a_line_for_each_chart(
    tools: Tools, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "3"]) == 0
    start, *installed = tools.calls
    assert start.startswith("minikube start --profile shop")
    assert [call.split()[3] for call in installed[:-1]] == [
        "cert-manager",
        "envoy-gateway",
        "kserve-crd",
        "kserve-resources",
    ]
    assert all("--wait" in call and "--kube-context shop" in call for call in installed[:-1])
    assert installed[-1].startswith("kubectl --context shop apply -f 03-advanced")
    assert [line for line in capfd.readouterr().out.splitlines() if line.startswith("[")] == [
        "[1/5] cert-manager", "[2/5] envoy-gateway", "[3/5] kserve-crd", "[4/5] kserve-resources",
        "[5/5] 03-advanced-multimodel-kserve/deploy/cluster/kserve-gateway.yaml",
    ]  # fmt: skip


def test_up_installs_seldons_operator_for_level_2(tools: Tools) -> None:
    assert main(["up", "2"]) == 0
    assert tools.calls[-1].startswith("helm upgrade --install seldon-core seldon-core-operator --version 1.17.1")


def test_a_chart_that_fails_is_named_and_the_next_is_not_tried(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.fail("install envoy-gateway")
    assert main(["up", "3"]) == 1
    assert capsys.readouterr().err.startswith(
        "helm upgrade --install envoy-gateway oci://docker.io/envoyproxy/gateway-helm"
    )
    assert not tools.called("kserve-crd")


@pytest.mark.parametrize("there", ["", "iris"])
def test_up_can_take_kind_instead_and_leaves_one_that_is_there(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], there: str
) -> None:
    monkeypatch.setenv("DRIVER", "kind")
    kind = tools.folder / "kind"
    kind.write_text(f'{kind.read_text()}[ "$*" = "get clusters" ] && echo "{there}"\nexit 0\n')
    assert main(["up", "1"]) == 0
    assert len(tools.called("kind create cluster --name iris --image kindest/node:v")) == (0 if there else 1)
    assert capfd.readouterr().out.endswith("next: make deploy-1 CONTEXT=kind-iris\n")
    assert main(["down", "1"]) == 0
    assert tools.calls[-1] == "kind delete cluster --name iris"


def test_another_driver_is_refused(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRIVER", "vagrant")
    assert main(["up", "1"]) == 1
    assert capsys.readouterr().err == "DRIVER=vagrant: expected one of minikube, kind\n"
    assert tools.calls == []


def test_down_deletes_the_levels_profile_and_no_other(tools: Tools) -> None:
    assert main(["down", "1"]) == 0
    assert tools.calls == ["minikube delete --profile iris"]


def test_every_chart_is_listed_even_if_only_some_values_need_it(capsys: pytest.CaptureFixture[str]) -> None:
    charts = {name: chart for name, chart in load_versions()["charts"].items() if chart["level"] == 3}
    assert main(["charts", "3"]) == 0
    shown = capsys.readouterr().out
    optional = {name for name, chart in charts.items() if "for" in chart}
    assistants = {"kserve-llmisvc-crd", "kserve-llmisvc-resources", "kserve-runtime-configs"}
    assert optional == {"keda", "kube-prometheus-stack", "prometheus-adapter", *assistants}
    for name, chart in charts.items():
        assert f"helm upgrade --install {name} {chart['chart']} --version {chart['version']} " in shown
    for word in shown.split():
        assert not word.startswith("03-") or (ROOT / word).is_file()
    assert chart_commands(LEVEL, "iris") == []


def test_a_failed_start_names_the_command(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    tools.fail("minikube start")
    assert main(["up", "1"]) == 1
    assert "minikube start --profile iris --kubernetes-version v" in capsys.readouterr().err


def test_without_minikube_the_remedy_is_named(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    (tools.folder / "minikube").unlink()
    assert main(["up", "1"]) == 1
    assert (
        capsys.readouterr().err == "minikube: not on PATH; install it from https://minikube.sigs.k8s.io/docs/start/\n"
    )


def test_a_level_without_a_cluster_or_an_overlay_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "9"]) == 1
    assert "level 9: versions.toml has no [kubernetes.level-9]" in capsys.readouterr().err
    with pytest.raises(ClusterError, match="level 1: no 01-"):
        find_overlay(1, tmp_path)
    assert find_overlay(1) == OVERLAY
