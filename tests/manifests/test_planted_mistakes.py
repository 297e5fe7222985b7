"""The mistakes people make, planted into the real overlays: each is refused, by name."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from workbench.manifests import build, validate
from workbench.manifests.documents import parse
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LEVEL_1 = ROOT / "01-beginner-iris-api" / "deploy"

SELDON = """
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: recommender}
spec:
  predictors:
    - name: default
      replicas: 1
      traffic: 90
      graph: {name: preprocess, type: TRANSFORMER, children: [{name: model, type: MODEL, children: []}]}
      componentSpecs:
        - spec: {containers: [{name: model, image: "model:1"}]}
"""
KSERVE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: ranking, annotations: {serving.kserve.io/deploymentMode: Standard}}
spec:
  predictor:
    minReplicas: 2
    model:
      modelFormat: {name: triton}
      protocolVersion: v2
      storageUri: pvc://models/ranking
      resources: {requests: {cpu: "1", memory: 1Gi}}
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /v1}}]
      backendRefs: [{name: gateway, port: 8300, weight: 90}]
"""
KEDA = """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: triton}
spec:
  scaleTargetRef: {name: triton}
  minReplicaCount: 1
  triggers:
    - type: prometheus
      metadata: {serverAddress: "http://prometheus:9090", query: "sum(rate(x[1m]))", threshold: "100"}
"""


def planted(tmp_path: Path, overlay: str, file: str, right: str, wrong: str) -> Path:
    """A copy of level 1's manifests with one mistake; the overlay to build."""
    copy = tmp_path / "deploy"
    shutil.copytree(LEVEL_1, copy)
    text = (copy / file).read_text()
    assert text.count(right) >= 1, f"{file} no longer has {right!r}: plant the mistake elsewhere"
    (copy / file).write_text(text.replace(right, wrong, 1))
    return copy / "overlays" / overlay


@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        (
            "base/iris-api.yaml",
            "readinessProbe:",
            "readynessProbe:",
            "Deployment/iris-api: $.spec.template.spec.containers[0].readynessProbe",
        ),
        (
            "base/iris-api.yaml",
            "containerPort: 8100",
            'containerPort: "8100"',
            "Deployment/iris-api: $.spec.template.spec.containers[0].ports[0].containerPort '8100': expected integer",
        ),
        (
            "base/iris-api.yaml",
            "memory: 256Mi",
            "memory: 256MB",
            "requests.memory '256MB': expected a quantity such as 500m, 1.5 or 256Mi",
        ),
        (
            "base/namespace.yaml",
            "kind: Namespace",
            "kind: Namespase",
            "Namespase/iris: $.kind 'Namespase': v1 has no such kind in Kubernetes 1.36",
        ),
    ],
)
def test_a_mistake_in_the_base_is_refused(tmp_path: Path, file: str, right: str, wrong: str, message: str) -> None:
    found = [str(problem) for problem in validate(build(planted(tmp_path, "minikube", file, right, wrong)))]
    assert any(message in problem for problem in found), found
    assert all("overlays/minikube: " in problem for problem in found)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("scrapeTimeout: 5s", "scrapeTimout: 5s", "scrapeTimout '5s': unknown field; did you mean scrapeTimeout?"),
        ("interval: 15s", "interval: 15", "$.spec.endpoints[0].interval 15: expected string"),
        ("interval: 15s", "interval: 15 s", "$.spec.endpoints[0].interval '15 s': expected a string like ^"),
        ("kind: ServiceMonitor", "kind: ServiceMonitors", "$.kind 'ServiceMonitors': monitoring.coreos.com/v1 has no"),
        ("coreos.com/v1", "coreos.com/v2", "ServiceMonitor is served as monitoring.coreos.com/v1"),
    ],
)
def test_a_mistake_in_the_service_monitor_is_refused(
    tmp_path: Path, crds: Path, right: str, wrong: str, message: str
) -> None:
    file = "components/service-monitor/service-monitor.yaml"
    found = validate(build(planted(tmp_path, "production", file, right, wrong)), crd_dir=crds)
    assert any(message in str(problem) for problem in found), found


@pytest.mark.parametrize(
    ("text", "right", "wrong", "path"),
    [
        (SELDON, "traffic: 90", "trafic: 90", "$.spec.predictors[0].trafic"),
        (SELDON, "type: MODEL", "tpye: MODEL", "$.spec.predictors[0].graph.children[0].tpye"),
        (
            SELDON,
            "name: model, image",
            "name: model, imag",
            "$.spec.predictors[0].componentSpecs[0].spec.containers[0].imag",
        ),
        (KSERVE, "storageUri", "storageURI", "$.spec.predictor.model.storageURI"),
        (KSERVE, "minReplicas: 2", "minReplicas: two", "$.spec.predictor.minReplicas"),
        (KSERVE, "protocolVersion", "protocol", "$.spec.predictor.model.protocol"),
        (ROUTE, "weight: 90", "wait: 90", "$.spec.rules[0].backendRefs[0].wait"),
        (ROUTE, "PathPrefix", "Prefix", "$.spec.rules[0].matches[0].path.type"),
        (KEDA, "minReplicaCount", "minReplicas", "$.spec.minReplicas"),
        (KEDA, 'threshold: "100"', "threshold: 100", "$.spec.triggers[0].metadata.threshold"),
    ],
)
def test_the_operators_own_schemas_refuse_a_planted_mistake(
    crds: Path, text: str, right: str, wrong: str, path: str
) -> None:
    assert [str(problem) for problem in validate(parse(text, "x.yaml"), crd_dir=crds)] == []
    assert right in text
    found = validate(parse(text.replace(right, wrong, 1), "x.yaml"), crd_dir=crds)
    assert path in [problem.path for problem in found]
