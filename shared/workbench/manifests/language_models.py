"""What KServe's controller makes of an LLMInferenceService on one node, so that its pods are checked like all others.

From the reconcilers after KServe 0.20: a Deployment ``NAME-kserve`` and a Service ``NAME-kserve-workload-svc``.
The pod is the service's template, with a container that fetches the model first. KServe lays the template over its own
(``kserve-config-llm-template``), which is in the cluster and not here; so a template must say itself what is checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.manifests.documents import Document
from workbench.versions import load_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["language_model_workloads"]

_MAIN, _FETCHING = "main", "storage-initializer"
_MODELS = "/mnt/models"
_FETCHED, _CLAIMED = "kserve-provision-location", "kserve-pvc-source"
_PORT = 8000

Body = dict[str, Any]


def language_model_workloads(documents: Iterable[Document]) -> Iterator[Document]:
    """The Deployment and the Service of each LLMInferenceService among the documents."""
    for document in documents:
        if document.kind == "LLMInferenceService":
            yield from _workload(document)


def _workload(document: Document) -> Iterator[Document]:
    name, spec = document.name, document.body["spec"]
    found = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "llminferenceservice"}
    selector = {**found, "kserve.io/component": "workload"}
    labels = {**selector, "app.kubernetes.io/component": "llminferenceservice-workload", "llm-d.ai/role": "both"}
    place = {"namespace": document.body["metadata"].get("namespace", "")}
    template = {"metadata": {"labels": {**labels, **spec.get("labels", {})}}, "spec": _pod(spec)}
    deployment: Body = {"selector": {"matchLabels": labels}, "template": template}
    if "replicas" in spec:
        deployment["replicas"] = spec["replicas"]
    if "rolloutStrategy" in spec:
        deployment["strategy"] = {"type": "RollingUpdate", "rollingUpdate": spec["rolloutStrategy"]}
    yield _made(document, "apps/v1", "Deployment", {"name": f"{name}-kserve", **place, "labels": labels}, deployment)
    service = {"selector": selector, "ports": [{"name": "http", "port": _PORT, "targetPort": _PORT}]}
    yield _made(document, "v1", "Service", {"name": f"{name}-kserve-workload-svc", **place, "labels": found}, service)


def _made(document: Document, api_version: str, kind: str, metadata: Body, spec: Body) -> Document:
    body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
    return Document(document.source, body)


def _pod(spec: Body) -> Body:
    pod, uri = spec["template"], spec["model"]["uri"]
    given = {each["name"]: each for each in pod.get("initContainers", [])}
    own = given.pop(_FETCHING, {"name": _FETCHING})
    if uri.startswith("pvc://"):
        claim, _, path = uri.removeprefix("pvc://").partition("/")
        mount: Body = {"name": _CLAIMED, "mountPath": _MODELS, "subPath": path, "readOnly": True}
        volume: Body = {"name": _CLAIMED, "persistentVolumeClaim": {"claimName": claim}}
        before = [*given.values()]
    else:
        mount = {"name": _FETCHED, "mountPath": _MODELS, "readOnly": True}
        volume = {"name": _FETCHED, "emptyDir": {}}
        before = [*given.values(), _fetching(own, uri)]
    containers = [_mounted(each, mount) if each["name"] == _MAIN else each for each in pod["containers"]]
    volumes = [*pod.get("volumes", []), volume]
    return {**pod, "initContainers": before, "containers": containers, "volumes": volumes}


def _fetching(own: Body, uri: str) -> Body:
    """KServe's container: its image and arguments, and whatever the template adds."""
    image = f"kserve/storage-initializer:v{load_versions()['crds']['kserve']['version']}"
    return _mounted({"image": image, **own, "args": [uri, _MODELS]}, {"name": _FETCHED, "mountPath": _MODELS})


def _mounted(container: Body, mount: Body) -> Body:
    return {**container, "volumeMounts": [*container.get("volumeMounts", []), mount]}
