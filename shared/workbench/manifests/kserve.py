"""What KServe's controller makes of an InferenceService in Standard mode, so that its pods are checked like all others.

From KServe 0.21's reconcilers: a Deployment and a Service called ``NAME[-PREDICTOR]-predictor`` for the predictor and
for each canary, whose pod is the ServingRuntime's containers with the InferenceService's fields laid over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.manifests.documents import Document
from workbench.manifests.language_models import language_model_workloads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["standard_workloads"]

_CONTAINER = "kserve-container"
_MODEL_VOLUME = "kserve-pvc-source"
_AUTOSCALER = "serving.kserve.io/autoscalerClass"  # KServe writes it on the pods, too: seen in 0.21
_LISTS = ("args", "env", "volumeMounts", "ports")  # laid one behind the other
_OF_KSERVE = frozenset(
    {"autoScaling", "canaryTrafficPercent", "deploymentStrategy", "maxReplicas", "minReplicas", "model", "name"}
    | {"annotations", "labels", "scaleMetric", "scaleTarget", "timeout"}
)
_OF_MODEL = frozenset({"modelFormat", "name", "protocolVersion", "runtime", "storageUri"})

Body = dict[str, Any]


def standard_workloads(documents: Iterable[Document]) -> list[Document]:
    """The Deployments and Services of the InferenceServices in Standard mode, for runtimes among the documents.

    One in Knative mode makes a Knative Service instead, and none here. Those of each LLMInferenceService come last.
    """
    together = list(documents)
    runtimes = {document.name: document.body["spec"] for document in together if document.kind == "ServingRuntime"}
    return [
        made
        for document in together
        if document.kind == "InferenceService" and _mode(document) == "Standard"
        for predictor in _predictors(document.body["spec"])
        for made in _workload(document, predictor, runtimes[predictor["model"]["runtime"]])
    ] + [*language_model_workloads(together)]


def _mode(document: Document) -> str:
    annotations = document.body["metadata"].get("annotations", {})
    return str(annotations.get("serving.kserve.io/deploymentMode"))


def _predictors(spec: Body) -> Iterator[Body]:
    stable = spec["predictor"]
    yield stable
    for canary in spec.get("canary", []):
        yield {**{key: value for key, value in stable.items() if key != "autoScaling"}, **canary["predictor"]}


def _workload(document: Document, predictor: Body, runtime: Body) -> Iterator[Document]:
    metadata = document.body["metadata"]
    middle = f"-{predictor['name']}" if predictor.get("name") else ""
    name = f"{document.name}{middle}-predictor"
    selector = {"app": f"isvc.{name}"}
    labels = {**metadata.get("labels", {}), "serving.kserve.io/inferenceservice": document.name, **selector}
    placed = {"name": name, "namespace": metadata.get("namespace", ""), "labels": labels}
    pod = _pod(predictor, runtime)
    annotations = {**metadata.get("annotations", {}), **predictor.get("annotations", {})}
    kept = {_AUTOSCALER: annotations[_AUTOSCALER]} if _AUTOSCALER in annotations else {}
    template = {"metadata": {"labels": labels, "annotations": kept}, "spec": pod}
    deployment = {"selector": {"matchLabels": selector}, "template": template}
    if "deploymentStrategy" in predictor:
        deployment["strategy"] = predictor["deploymentStrategy"]
    yield Document(document.source, _object("apps/v1", "Deployment", placed, deployment))
    first, *others = [port["containerPort"] for port in pod["containers"][0]["ports"]]
    ports = [{"port": 80, "targetPort": first}, *({"port": port, "targetPort": port} for port in others)]
    yield Document(document.source, _object("v1", "Service", placed, {"selector": selector, "ports": ports}))


def _object(api_version: str, kind: str, metadata: Body, spec: Body) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _pod(predictor: Body, runtime: Body) -> Body:
    own = {key: value for key, value in predictor.items() if key not in _OF_KSERVE}
    container = next(each for each in runtime["containers"] if each["name"] == _CONTAINER)
    model = {key: value for key, value in predictor["model"].items() if key not in _OF_MODEL}
    joined = {key: [*container.get(key, []), *model.get(key, [])] for key in _LISTS if key in {*container, *model}}
    claim, _, path = predictor["model"]["storageUri"].removeprefix("pvc://").partition("/")
    mount = {"name": _MODEL_VOLUME, "mountPath": "/mnt/models", "subPath": path, "readOnly": True}
    joined["volumeMounts"] = [*joined.get("volumeMounts", []), mount]
    volume = {"name": _MODEL_VOLUME, "persistentVolumeClaim": {"claimName": claim}}
    volumes = [*runtime.get("volumes", []), *own.pop("volumes", []), volume]
    return {**own, "containers": [{**container, **model, **joined}], "volumes": volumes}
