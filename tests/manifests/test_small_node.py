"""The minikube overlays fit a node of two cores: pods, operators, control plane, and room for a rollout."""

from __future__ import annotations

import pytest

from tests.manifests.conftest import built
from tests.shop_chart import changed, variant
from workbench.cluster.charts import charts_of
from workbench.cluster.needs import Amount, cluster_needs, pods_need
from workbench.manifests import Document
from workbench.versions import ROOT, cluster

NODE = Amount(2000, 8192)


def overlay(level: int) -> list[Document]:
    """What ``make deploy-N`` applies."""
    return variant("minikube") if level == 3 else built(next(ROOT.glob(f"{level:02}-*/deploy/overlays/minikube")))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_levels_small_form_fits_a_node_of_two_cores_while_a_rollout_runs(level: int) -> None:
    asked = cluster_needs(overlay(level), charts_of(cluster(level), optional=False))
    assert asked.cpu <= NODE.cpu, f"level {level} asks for {asked}"
    assert asked.cores == 2
    assert asked.mebibytes <= NODE.memory


def test_what_asks_for_more_is_not_said_to_fit() -> None:
    big = changed("minikube", gateway={"resources": {"requests": {"cpu": "1"}}})
    assert cluster_needs(big, charts_of(cluster(3), optional=False)).cores == 4


def container(cpu: str, memory: str = "64Mi", **more: str) -> dict[str, object]:
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def workload(kind: str, spec: dict[str, object], **fields: object) -> Document:
    body = {"kind": kind, "metadata": {"name": kind.lower()}, "spec": {**fields, "template": {"spec": spec}}}
    return Document("here", body)


def test_requests_are_added_up_as_the_scheduler_does() -> None:
    start = [container("900m"), container("50m", restartPolicy="Always"), container("800m")]
    pods = [
        workload(
            "Deployment", {"initContainers": start, "containers": [container("0.2"), container("100m")]}, replicas=2
        ),
        workload("StatefulSet", {"containers": [container("1", "1Gi")]}),
        workload("Job", {"containers": [container("70m")]}),
    ]
    # two pods and one more while they roll, the one whose old pod goes first, the Job
    assert pods_need(pods) == Amount(3 * 900 + 1000 + 70, 3 * 192 + 1024 + 64)


def test_the_pods_that_operators_make_count() -> None:
    predictor = {
        "replicas": 2,
        "componentSpecs": [{"spec": {"containers": [container("100m")]}}],
        "svcOrchSpec": {"resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}},
    }
    seldon = Document("here", {"kind": "SeldonDeployment", "metadata": {}, "spec": {"predictors": [predictor]}})
    assert pods_need([seldon]) == Amount(3 * 150, 3 * 128)
    one, three = (changed("minikube", models={"fraud": {"minReplicas": n, "maxReplicas": n}}) for n in (1, 3))
    assert pods_need(three).cpu - pods_need(one).cpu == 2 * 100
    assert cluster_needs([], ["envoy-gateway"]).cpu == 750 + 100
    with pytest.raises(ValueError, match="memory 12Mx: expected a number with one of k, M, G, Ki, Mi, Gi"):
        pods_need([workload("Job", {"containers": [container("1", "12Mx")]})])
