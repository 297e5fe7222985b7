"""The pods that workloads make, and what selectors mean to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workbench.manifests.documents import Document

__all__ = ["SERVING_KINDS", "PodTemplate", "pod_templates", "selects"]

SERVING_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_TEMPLATES = {
    "Pod": (),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
} | dict.fromkeys(SERVING_KINDS, ("spec", "template"))


@dataclass(frozen=True)
class PodTemplate:
    """The pod a workload makes: its document, the JSON path of the template, and the template itself."""

    document: Document
    path: str
    body: dict[str, Any]

    @property
    def spec(self) -> dict[str, Any]:
        """The pod's spec."""
        found: dict[str, Any] = self.body.get("spec", {})
        return found

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        found: dict[str, str] = self.body.get("metadata", {}).get("labels", {})
        return found

    @property
    def namespace(self) -> str:
        """The namespace the pod lives in; empty for the one of whoever applies it."""
        return str(self.document.body["metadata"].get("namespace", ""))

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each container, init containers first, with its JSON path."""
        for field in ("initContainers", "containers"):
            for index, container in enumerate(self.spec.get(field, [])):
                yield f"{self.path}.spec.{field}[{index}]", container

    @property
    def ports(self) -> set[str | int]:
        """Every port the containers declare, by number and by name."""
        declared = [port for _, container in self.containers() for port in container.get("ports", [])]
        return {port["containerPort"] for port in declared} | {port["name"] for port in declared if "name" in port}


def pod_templates(documents: Iterable[Document]) -> list[PodTemplate]:
    """The pod templates of Kubernetes' own workloads; an operator's (SeldonDeployment …) are that operator's."""
    found = []
    for document in documents:
        if document.kind in _TEMPLATES:
            body: Any = document.body
            for field in _TEMPLATES[document.kind]:
                body = body[field]
            found.append(PodTemplate(document, ".".join(["$", *_TEMPLATES[document.kind]]), body))
    return found


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a label selector (``matchLabels`` and ``matchExpressions``) selects these labels; an empty one does."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions", []))


def _holds(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[str(expression["operator"])]
