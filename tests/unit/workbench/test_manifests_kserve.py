"""The pods that KServe will make of an InferenceService in Standard mode."""

from __future__ import annotations

from workbench.manifests import standard_workloads
from workbench.manifests.documents import parse

RUNTIME = """
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: triton, namespace: shop}
spec:
  containers:
    - name: kserve-container
      image: triton:1
      args: [--model-repository=/mnt/models]
      ports: [{name: http1, containerPort: 8000}, {name: metrics, containerPort: 8002}]
      resources: {requests: {cpu: "1"}}
  volumes: [{name: tmp, emptyDir: {}}]
"""
SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: ranking
  namespace: shop
  labels: {team: search}
  annotations: {serving.kserve.io/deploymentMode: Standard}
spec:
  predictor:
    name: v1
    minReplicas: 2
    serviceAccountName: models
    model: &model
      modelFormat: {name: triton}
      runtime: triton
      storageUri: pvc://store/onnx/1
      args: [--load-model=ranking]
      resources: {requests: {cpu: "4"}}
  canary:
    - trafficPercent: 10
      predictor: {name: v2, model: {<<: *model, name: "", storageUri: pvc://store/onnx/2}}
"""


def test_each_predictor_is_a_deployment_and_a_service() -> None:
    made = standard_workloads(parse(f"{RUNTIME}---{SERVICE}", "x"))
    assert [(each.kind, each.name) for each in made] == [
        ("Deployment", "ranking-v1-predictor"),
        ("Service", "ranking-v1-predictor"),
        ("Deployment", "ranking-v2-predictor"),
        ("Service", "ranking-v2-predictor"),
    ]
    assert made[1].body["spec"]["ports"] == [{"port": 80, "targetPort": 8000}, {"port": 8002, "targetPort": 8002}]


def test_a_pod_is_the_runtimes_with_the_services_fields_over_it() -> None:
    stable, _, canary, _ = standard_workloads(parse(f"{RUNTIME}---{SERVICE}", "x"))
    template = stable.body["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["args"] == ["--model-repository=/mnt/models", "--load-model=ranking"]
    assert container["resources"] == {"requests": {"cpu": "4"}}
    assert container["name"] == "kserve-container"
    assert template["spec"]["serviceAccountName"] == "models"
    assert "minReplicas" not in template["spec"]
    assert template["metadata"]["labels"] == {
        "team": "search",
        "serving.kserve.io/inferenceservice": "ranking",
        "app": "isvc.ranking-v1-predictor",
    }
    (mount,) = canary.body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert (mount["mountPath"], mount["subPath"]) == ("/mnt/models", "onnx/2")
    volumes = canary.body["spec"]["template"]["spec"]["volumes"]
    assert volumes[-1] == {"name": mount["name"], "persistentVolumeClaim": {"claimName": "store"}}


def test_in_knative_mode_the_pods_are_knatives() -> None:
    assert standard_workloads(parse(f"{RUNTIME}---{SERVICE.replace('Standard', 'Knative')}", "x")) == []
