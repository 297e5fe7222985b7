"""How much of a node a level asks for: its rendered manifests, its operators, and Kubernetes itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from workbench.manifests.kserve import standard_workloads
from workbench.manifests.pods import pod_templates
from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from workbench.manifests.documents import Document

__all__ = ["CONTROL_PLANE", "Amount", "cluster_needs", "pods_need"]

_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_QUANTITY = re.compile(r"([0-9.]+)([A-Za-z]*)")
_MIB = 2**20


@dataclass(frozen=True)
class Amount:
    """CPU in thousandths of a core, memory in MiB."""

    cpu: float = 0
    memory: float = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpu + other.cpu, self.memory + other.memory)

    def times(self, number: int) -> Amount:
        """Returns so many times the amount."""
        return Amount(self.cpu * number, self.memory * number)

    def at_least(self, other: Amount) -> Amount:
        """Returns the larger CPU and the larger memory of both."""
        return Amount(max(self.cpu, other.cpu), max(self.memory, other.memory))

    @property
    def cores(self) -> int:
        """Whole cores that hold it; minikube starts with two at least."""
        return max(2, ceil(self.cpu / 1000))

    @property
    def mebibytes(self) -> int:
        """A memory that holds it, in steps of 256; minikube starts with 2,048 at least."""
        return max(2048, ceil(self.memory / 256) * 256)

    def __str__(self) -> str:
        return f"{self.cpu / 1000:.2f} cores and {self.memory / 1024:.1f} GiB"


CONTROL_PLANE = Amount(750, 1024)
"""One node's own. CPU: what kubeadm, which minikube and kind use, lets its pods ask for (API server 250m, controllers
200m, scheduler, etcd and DNS 100m each). Memory: what they take, which is more than they ask for."""

_ENVOY = Amount(100, 512)  # what Envoy Gateway's proxies ask for, one for each Gateway


def cluster_needs(documents: list[Document], charts: Iterable[str], root: Path = ROOT) -> Amount:
    """Returns what a node must have for a level, its operators and Kubernetes, with room for a rollout.

    Args:
        documents: the level's, as rendered.
        charts: names of the tables in ``[charts]`` that are installed first.
        root: the repository.
    """
    known = load_versions(root / "versions.toml")["charts"]
    total = CONTROL_PLANE + pods_need(documents)
    for name in charts:
        total += _amount(known[name])
        total += _ENVOY.times(known[name].get("gateways", 0))
    return total + _ENVOY.times(sum(document.kind == "Gateway" for document in documents))


def pods_need(documents: list[Document]) -> Amount:
    """Returns what the pods ask for: all replicas, the largest Job, and the largest pod once more for its rollout."""
    total, job, surge = Amount(), Amount(), Amount()
    for kind, number, pod in _pods(documents):
        asked = _pod_needs(pod)
        if kind == "Job":
            job = job.at_least(asked)
            continue
        total += asked.times(number)
        if kind != "StatefulSet":  # whose old pod goes before the new one comes
            surge = surge.at_least(asked)
    return total + job + surge


def _pods(documents: list[Document]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """The kind, the number and the spec of each pod there will be, operators' included."""
    scaled = {
        document.body["spec"]["scaleTargetRef"]["name"]: int(document.body["spec"].get("minReplicas", 1))
        for document in documents
        if document.kind == "HorizontalPodAutoscaler"
    }
    made = _kserve_replicas(documents)
    for template in pod_templates([*documents, *standard_workloads(documents)]):
        name, own = template.document.name, int(template.document.body["spec"].get("replicas", 1))
        yield template.document.kind, made.get(name, scaled.get(name, own)), template.spec
    for document in documents:
        if document.kind == "SeldonDeployment":
            for predictor in document.body["spec"]["predictors"]:
                yield "Deployment", int(predictor.get("replicas", 1)), _seldon_pod(predictor)


def _kserve_replicas(documents: list[Document]) -> dict[str, int]:
    found = {}
    for document in (each for each in documents if each.kind == "InferenceService"):
        spec = document.body["spec"]
        for predictor in [spec["predictor"], *(canary["predictor"] for canary in spec.get("canary", []))]:
            middle = f"-{predictor['name']}" if predictor.get("name") else ""
            found[f"{document.name}{middle}-predictor"] = int(predictor.get("minReplicas", 1))
    return found


def _seldon_pod(predictor: dict[str, Any]) -> dict[str, Any]:
    """The pod of one predictor: its steps, and the executor that the operator puts beside them."""
    steps = [container for each in predictor["componentSpecs"] for container in each["spec"]["containers"]]
    return {"containers": [*steps, {"resources": predictor.get("svcOrchSpec", {}).get("resources", {})}]}


def _pod_needs(spec: dict[str, Any]) -> Amount:
    """As the scheduler counts: containers and sidecars together, or a step of the start that asks for more."""
    together, first = Amount(), Amount()
    for container in spec.get("initContainers", []):
        if container.get("restartPolicy") == "Always":
            together += _requests(container)
        else:
            first = first.at_least(together + _requests(container))
    for container in spec["containers"]:
        together += _requests(container)
    return together.at_least(first)


def _requests(container: dict[str, Any]) -> Amount:
    return _amount(container.get("resources", {}).get("requests", {}))


def _amount(asked: dict[str, Any]) -> Amount:
    return Amount(_cpu(asked.get("cpu", 0)), _memory(asked.get("memory", 0)))


def _cpu(quantity: object) -> float:
    text = str(quantity)
    return float(text[:-1]) if text.endswith("m") else float(text) * 1000


def _memory(quantity: object) -> float:
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"memory {quantity}: expected a number with one of {', '.join(filter(None, _UNITS))}")
    return float(found[1]) * _UNITS[found[2]] / _MIB
