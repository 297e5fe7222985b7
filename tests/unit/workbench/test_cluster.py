"""What is asked of minikube and kubectl, told by stand-ins on PATH that write their arguments down.

No cluster runs here: these tests prove the commands, their order and what happens when one fails. That the manifests
are right is proven in ``tests/manifests``, offline; nothing here shows a real cluster taking them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.cluster import ClusterError, deploy, down, find_overlay, main, up
from workbench.cluster_charts import chart_commands
from workbench.manifests import find_crds
from workbench.versions import ROOT, Cluster, load_versions

if TYPE_CHECKING:
    from pathlib import Path

LEVEL = Cluster(1, "iris", "1.36.4", ("1.35",))
OVERLAY = ROOT / "01-beginner-iris-api" / "deploy" / "overlays" / "minikube"
PIPELINE = Cluster(2, "recommender", "1.26.15", ("1.25",))
PIPELINE_OVERLAY = ROOT / "02-intermediate-seldon-pipeline" / "deploy" / "overlays" / "minikube"
SHOP = Cluster(3, "shop", "1.36.4", ("1.35",))
SHOP_VALUES = ROOT / "03-advanced-multimodel-kserve" / "deploy" / "shop-serving" / "values" / "minikube.yaml"

STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> {log}
case "$(basename "$0") $*" in
  *" apply "*) cat > {folder}/applied.yaml; cat {folder}/answer ;;
esac
case "$(basename "$0") $*" in
  *"$(cat {folder}/failing)"*) exit 3 ;;
esac
"""


class Tools:
    """The stand-ins of minikube and kubectl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "failing").write_text("no command at all")
        (folder / "answer").write_text("deployment.apps/iris-api configured\n")
        for name in ("minikube", "kubectl"):
            (folder / name).write_text(STAND_IN.format(log=folder / "log", folder=folder))
            (folder / name).chmod(0o755)

    def answer(self, text: str) -> None:
        (self.folder / "answer").write_text(text)

    def fail(self, part_of_a_command: str) -> None:
        (self.folder / "failing").write_text(part_of_a_command)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()


@pytest.fixture
def crds() -> Path:
    """Where the schemas of custom resources are."""
    found = find_crds()
    if found is None:
        pytest.skip("no CRD schemas here: `make crds` fetches them")
    return found


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Tools(tmp_path)


def test_up_starts_the_levels_profile_with_its_kubernetes(tools: Tools, capfd: pytest.CaptureFixture[str]) -> None:
    up(LEVEL)
    assert tools.calls == ["minikube start --profile iris --kubernetes-version v1.36.4"]
    assert "next: make deploy-1" in capfd.readouterr().out


def test_down_deletes_the_levels_profile_and_no_other(tools: Tools) -> None:
    down(LEVEL)
    assert tools.calls == ["minikube delete --profile iris"]


def test_deploy_loads_the_image_applies_what_was_validated_and_waits(
    tools: Tools, capfd: pytest.CaptureFixture[str]
) -> None:
    deploy(LEVEL, OVERLAY)
    assert tools.calls == [
        "minikube status --profile iris",
        "minikube image load iris-api:dev --profile iris",
        "kubectl --context iris apply -f -",
        "kubectl --context iris --namespace iris rollout status deployment/iris-api --timeout=180s",
    ]
    assert "image: iris-api:dev" in (tools.folder / "applied.yaml").read_text()
    shown = capfd.readouterr().out
    assert "kubectl --context iris --namespace iris port-forward service/iris-api 8100:8100" in shown
    assert "curl http://127.0.0.1:8100/readyz" in shown


def test_a_seldon_deployment_gets_its_images_and_is_awaited(
    tools: Tools, capfd: pytest.CaptureFixture[str], crds: Path
) -> None:
    assert crds
    deploy(PIPELINE, PIPELINE_OVERLAY)
    place = "kubectl --context recommender --namespace recommender"
    assert tools.calls == [
        "minikube status --profile recommender",
        "minikube image load recommender-model:dev --profile recommender",
        "minikube image load recommender-postprocessor:dev --profile recommender",
        "minikube image load recommender-preprocessor:dev --profile recommender",
        "kubectl --context recommender get crd seldondeployments.machinelearning.seldon.io",
        "kubectl --context recommender apply -f -",
        f"{place} rollout status statefulset/inventory --timeout=180s",
        f"{place} wait seldondeployment/recommender --for=jsonpath={{.status.state}}=Available --timeout=180s",
    ]
    shown = capfd.readouterr().out
    assert f"{place} port-forward service/recommender-default 8000:8000" in shown
    assert "curl http://127.0.0.1:8000/ready\n" in shown
    assert "service/inventory" not in shown  # it speaks no HTTP


@pytest.mark.usefixtures("crds")
def test_an_unchanged_seldon_deployment_gets_new_pods(tools: Tools) -> None:
    tools.answer("seldondeployment.machinelearning.seldon.io/recommender unchanged\n")
    deploy(PIPELINE, PIPELINE_OVERLAY)
    assert "delete pods --selector seldon-deployment-id=recommender" in tools.calls[-2]


@pytest.mark.usefixtures("crds")
def test_a_seldon_deployment_that_hangs_shows_its_state_pods_and_logs(tools: Tools) -> None:
    tools.fail("wait seldondeployment")
    with pytest.raises(ClusterError, match="seldondeployment/recommender: not Available within 180 s"):
        deploy(PIPELINE, PIPELINE_OVERLAY)
    assert [call.split()[5] for call in tools.calls[-3:]] == ["describe", "get", "logs"]


@pytest.mark.usefixtures("crds")
def test_without_its_operator_nothing_is_applied_and_the_remedy_is_named(tools: Tools) -> None:
    tools.fail("get crd")
    with pytest.raises(ClusterError) as caught:
        deploy(PIPELINE, PIPELINE_OVERLAY)
    assert str(caught.value).startswith(
        "SeldonDeployment: no operator in recommender that knows it; install it: helm install seldon-core"
        " seldon-core-operator --version 1.17.1 --kube-context recommender"
    )
    assert not any(" apply " in call for call in tools.calls)


def test_a_chart_is_rendered_applied_and_its_models_awaited(
    tools: Tools, capfd: pytest.CaptureFixture[str], crds: Path
) -> None:
    assert crds
    deploy(SHOP, SHOP_VALUES)
    place = "kubectl --context shop --namespace shop"
    assert tools.calls == [
        "minikube status --profile shop",
        "minikube image load shop-gateway:dev --profile shop",
        "minikube image load shop-triton:dev --profile shop",
        "kubectl --context shop get crd inferenceservices.serving.kserve.io",
        "kubectl --context shop apply -f -",
        f"{place} wait job/publish-models-dev --for=condition=complete --timeout=180s",
        *(
            f"{place} wait inferenceservice/{model} --for=condition=Ready --timeout=180s"
            for model in ("fraud", "personalisation", "ranking")
        ),
        f"{place} rollout status deployment/cache --timeout=180s",
        f"{place} rollout status statefulset/features --timeout=180s",
        f"{place} rollout status deployment/gateway --timeout=180s",
    ]
    assert (tools.folder / "applied.yaml").read_text().startswith("---\napiVersion: v1\nkind: Namespace\n")
    assert f"{place} port-forward service/gateway 8310:8310" in capfd.readouterr().out


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize(
    ("failing", "message", "shown"),
    [
        ("wait job", "job/publish-models-dev: not complete within 180 s", ["logs"]),
        ("wait inferenceservice/fraud", "inferenceservice/fraud: not Ready within 180 s", ["describe", "get", "logs"]),
    ],
)
def test_what_a_chart_waits_for_in_vain_is_shown(tools: Tools, failing: str, message: str, shown: list[str]) -> None:
    tools.fail(failing)
    with pytest.raises(ClusterError, match=message):
        deploy(SHOP, SHOP_VALUES)
    assert [call.split()[5] for call in tools.calls[-len(shown) :]] == shown


@pytest.mark.usefixtures("crds")
def test_without_kserve_the_charts_to_install_are_listed_in_their_order(tools: Tools) -> None:
    tools.fail("get crd")
    with pytest.raises(ClusterError) as caught:
        deploy(SHOP, SHOP_VALUES)
    first, *commands = str(caught.value).splitlines()
    assert first == "InferenceService: no operator in shop that knows it; install it: "
    assert [command.split()[3] for command in commands[:-1]] == [
        "cert-manager", "envoy-gateway", "kserve-crd", "kserve-resources",
    ]  # fmt: skip
    assert "--version v0.21.0 --kube-context shop --namespace kserve" in commands[-2]
    assert commands[-1].strip().startswith("kubectl --context shop apply -f 03-advanced")


def test_up_says_what_level_3s_cluster_needs(tools: Tools, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "3"]) == 0
    shown = capfd.readouterr().out
    assert tools.calls[0].startswith("minikube start --profile shop")
    assert "helm upgrade --install kserve-resources oci://ghcr.io/kserve/charts/kserve-resources" in shown
    assert shown.rstrip().endswith("then: make deploy-3")


def test_every_chart_is_listed_even_if_only_some_values_need_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["charts", "3"]) == 0
    shown = capsys.readouterr().out
    optional = {name for name, chart in load_versions()["charts"].items() if "for" in chart}
    assert optional == {"keda", "kube-prometheus-stack", "prometheus-adapter"}
    for name, chart in load_versions()["charts"].items():
        assert f"helm upgrade --install {name} {chart['chart']} --version {chart['version']} " in shown
    for word in shown.split():
        assert not word.startswith("03-") or (ROOT / word).is_file()
    assert chart_commands(LEVEL) == []


def test_an_unchanged_deployment_is_restarted_for_the_image_may_have_changed(tools: Tools) -> None:
    tools.answer("service/iris-api unchanged\ndeployment.apps/iris-api unchanged\n")
    deploy(LEVEL, OVERLAY)
    assert "kubectl --context iris --namespace iris rollout restart deployment/iris-api" in tools.calls


def test_without_its_cluster_deploy_says_how_to_start_it(tools: Tools) -> None:
    tools.fail("minikube status")
    with pytest.raises(ClusterError) as caught:
        deploy(LEVEL, OVERLAY)
    assert str(caught.value) == "cluster iris: not running, `make cluster-up-1` starts it"
    assert len(tools.calls) == 1


def test_an_image_that_cannot_be_loaded_says_how_to_build_it(tools: Tools) -> None:
    tools.fail("image load")
    with pytest.raises(ClusterError) as caught:
        deploy(LEVEL, OVERLAY)
    expected = "minikube image load iris-api:dev --profile iris: exit 3; is it built? `make image-1`"
    assert str(caught.value) == expected


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


def test_a_failed_start_names_the_command(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    tools.fail("minikube start")
    assert main(["up", "1"]) == 1
    assert "minikube start --profile iris --kubernetes-version v" in capsys.readouterr().err


def test_the_commands_find_the_levels_overlay_and_cluster(tools: Tools) -> None:
    assert main(["deploy", "1"]) == 0
    assert main(["down", "1"]) == 0
    assert tools.calls[-1] == "minikube delete --profile iris"


def test_without_minikube_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["up", "1"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("minikube: not on PATH; install ")
    assert "https://minikube.sigs.k8s.io/docs/start/" in shown


def test_a_level_without_a_cluster_or_an_overlay_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "9"]) == 1
    assert "level 9: versions.toml has no [kubernetes.level-9]" in capsys.readouterr().err
    with pytest.raises(ClusterError, match="level 1: no 01-"):
        find_overlay(1, tmp_path)
    assert find_overlay(1) == OVERLAY
