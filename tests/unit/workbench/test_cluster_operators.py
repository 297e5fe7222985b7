"""What `make deploy-N` asks of operators, and what it waits for that they make; told by stand-ins of the tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.workbench.cluster_tools import LEVEL, OVERLAY, PIPELINE, PIPELINE_OVERLAY, SHOP, SHOP_VALUES, TAG, Tools
from workbench.cluster.deploy import deploy
from workbench.cluster.shell import ClusterError
from workbench.manifests import ManifestError, find_crds, schemas

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.versions import Release


@pytest.fixture
def crds() -> Path:
    """Where the schemas of custom resources are."""
    found = find_crds()
    if found is None:
        pytest.skip("no CRD schemas here: `make crds` fetches them")
    return found


@pytest.mark.usefixtures("crds")
def test_a_seldon_deployment_gets_its_images_and_is_awaited(tools: Tools, capfd: pytest.CaptureFixture[str]) -> None:
    deploy(PIPELINE, PIPELINE_OVERLAY)
    place = "kubectl --context recommender --namespace recommender"
    assert tools.calls[-3:] == [
        "kubectl --context recommender apply -f -",
        f"{place} rollout status statefulset/inventory --timeout=180s",
        f"{place} wait seldondeployment/recommender --for=jsonpath={{.status.state}}=Available --timeout=180s",
    ]
    assert "kubectl --context recommender get crd seldondeployments.machinelearning.seldon.io" in tools.calls
    for step in ("preprocessor", "model", "postprocessor"):
        assert f"minikube image load recommender-{step}:{TAG} --profile recommender" in tools.calls
        assert f"image: recommender-{step}:{TAG}\n" in tools.applied
    shown = capfd.readouterr().out
    assert f"{place} port-forward service/recommender-default 8000:8000" in shown
    assert "curl http://127.0.0.1:8000/ready\n" in shown
    assert "service/inventory" not in shown  # it speaks no HTTP


@pytest.mark.usefixtures("crds")
def test_a_chart_is_rendered_applied_and_its_models_awaited(tools: Tools, capfd: pytest.CaptureFixture[str]) -> None:
    deploy(SHOP, SHOP_VALUES)
    place = "kubectl --context shop --namespace shop"
    waits = tools.calls[tools.calls.index("kubectl --context shop apply -f -") + 1 :]
    assert waits[0].startswith(f"{place} wait job/publish-models-")
    assert waits[0].endswith(" --for=condition=complete --timeout=180s")
    assert waits[1:] == [
        *(
            f"{place} {wait} --timeout=180s"
            for model in ("fraud", "personalisation", "ranking")
            for wait in (
                f'wait inferenceservice/{model} --for=jsonpath={{.status.conditions[?(@.type=="Ready")].status}}=True',
                f"rollout status deployment --selector serving.kserve.io/inferenceservice={model}",
            )
        ),
        f"{place} rollout status deployment/cache --timeout=180s",
        f"{place} rollout status statefulset/features --timeout=180s",
        f"{place} rollout status deployment/gateway --timeout=180s",
        *(
            f'{place} wait {what} --for=jsonpath={{.status.{judges}[0].conditions[?(@.type=="Accepted")].status}}=True '
            "--timeout=180s"
            for what, judges in (
                ("httproute/shop", "parents"),
                ("backendtrafficpolicy/shop", "ancestors"),
                ("clienttrafficpolicy/edge", "ancestors"),
            )
        ),
    ]
    assert tools.applied.startswith("---\napiVersion: v1\nkind: Namespace\n")
    for part in (f"shop-gateway:{TAG}", f"shop-triton:{TAG}", f"/store/{TAG}/python/all", f"pvc://models/{TAG}/python"):
        assert part in tools.applied
    assert f"{place} port-forward service/gateway 8310:8310" in capfd.readouterr().out


@pytest.mark.usefixtures("crds")
def test_a_job_that_failed_the_last_time_does_not_stand_in_the_way(tools: Tools) -> None:
    deploy(SHOP, SHOP_VALUES)
    assert not tools.called("delete job")
    tools.job_failed()
    deploy(SHOP, SHOP_VALUES)
    (deleted,) = tools.called("delete job publish-models-")
    assert tools.calls.index(deleted) < max(n for n, call in enumerate(tools.calls) if " apply " in call)


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize(
    ("failing", "message", "shown"),
    [
        ("wait job", r"job/publish-models-[\w-]+: not complete within 180 s", ["logs"]),
        ("wait inferenceservice/fraud", "inferenceservice/fraud: not Ready within 180 s", ["describe", "get", "logs"]),
        (
            "rollout status deployment --selector",
            "inferenceservice/fraud: its servers are not rolled out within 180 s",
            ["get"],
        ),
        ("wait clienttrafficpolicy", "clienttrafficpolicy/edge: not accepted within 180 s", ["describe"]),
    ],
)
def test_what_a_chart_waits_for_in_vain_is_shown(tools: Tools, failing: str, message: str, shown: list[str]) -> None:
    tools.fail(failing)
    with pytest.raises(ClusterError, match=message):
        deploy(SHOP, SHOP_VALUES)
    assert [call.split()[5] for call in tools.calls[-len(shown) :]] == shown


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
    first, command = str(caught.value).splitlines()
    assert first.startswith("SeldonDeployment: no operator in recommender that knows it; `make cluster-up-2` installs")
    assert command.strip().startswith("helm upgrade --install seldon-core seldon-core-operator --version 1.17.1 ")
    assert " --kube-context " in command
    assert not tools.called(" apply ")


@pytest.mark.usefixtures("crds")
def test_without_kserve_the_charts_to_install_are_listed_in_their_order(tools: Tools) -> None:
    tools.fail("get crd")
    with pytest.raises(ClusterError) as caught:
        deploy(SHOP, SHOP_VALUES)
    _, *commands = str(caught.value).splitlines()
    assert [command.split()[3] for command in commands[:-1]] == [
        "cert-manager", "envoy-gateway", "kserve-crd", "kserve-resources",
    ]  # fmt: skip
    assert "--version v0.21.0 --namespace kserve" in commands[-2]
    assert "--kube-context shop" in commands[-2]
    assert commands[-1].strip().startswith("kubectl --context shop apply -f 03-advanced")


def test_schemas_are_fetched_when_they_are_missing_and_done_without_where_they_cannot_be_had(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def fetch(releases: list[Release], _: Path) -> list[ManifestError]:
        asked.extend(each.name for each in releases)
        return [ManifestError("no network")]

    monkeypatch.delenv("CRD_DIR", raising=False)
    monkeypatch.setattr(schemas, "find_crds", lambda: None)
    monkeypatch.setattr(schemas, "download", fetch)
    deploy(PIPELINE, PIPELINE_OVERLAY)
    assert "seldon-core" in asked
    shown = capsys.readouterr()
    assert "no schemas for SeldonDeployment: not validated here, the cluster's API server does" in shown.out
    assert shown.err == "no network\n"
    assert tools.called(" apply ")
    asked.clear()
    deploy(LEVEL, OVERLAY)
    assert asked == [], "level 1 has no custom resources"
