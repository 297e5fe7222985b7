"""References between documents: selectors that select something, ports and targets that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from workbench.manifests.documents import Document, Problem
from workbench.manifests.pods import PodTemplate, pod_templates, selects

__all__ = ["check_references"]


def check_references(documents: Iterable[Document]) -> Iterator[Problem]:
    """Every reference of Services, monitors, policies, budgets and autoscalers that leads nowhere."""
    together = list(documents)
    pods = pod_templates(together)
    for document in together:
        check = _CHECKS.get(document.kind)
        if check is not None:
            yield from check(document, pods, together)


_OPERATED = {"SeldonDeployment": {"app.kubernetes.io/managed-by": "seldon-core"}}
"""Labels of the pods that an operator makes of a kind."""

Check = Callable[[Document, list[PodTemplate], list[Document]], Iterator[Problem]]


def _namespace(document: Document) -> str:
    return str(document.body["metadata"].get("namespace", ""))


def _selected(document: Document, selector: dict[str, Any], pods: list[PodTemplate]) -> list[PodTemplate]:
    return [pod for pod in pods if pod.namespace == _namespace(document) and selects(selector, pod.labels)]


def _service(document: Document, pods: list[PodTemplate], _: list[Document]) -> Iterator[Problem]:
    spec = document.body["spec"]
    selector = spec.get("selector")
    if document.group or not selector:  # Knative's Service, or one with hand-made endpoints
        return
    selected = _selected(document, {"matchLabels": selector}, pods)
    if not selected:
        yield Problem(document, "$.spec.selector", selector, "selects no pod here")
    for index, port in enumerate(spec.get("ports", [])):
        target = port.get("targetPort", port["port"])
        if any(target not in pod.ports for pod in selected):
            path = f"$.spec.ports[{index}].targetPort"
            yield Problem(document, path, target, f"expected a port of {selected[0].document.name}'s containers")


def _service_monitor(document: Document, _: list[PodTemplate], together: list[Document]) -> Iterator[Problem]:
    spec = document.body["spec"]
    services = [
        other
        for other in together
        if other.kind == "Service"
        and _namespace(other) == _namespace(document)
        and selects(spec["selector"], other.body["metadata"].get("labels", {}))
    ]
    if not services:
        yield Problem(document, "$.spec.selector", spec["selector"], "selects no Service here")
    names = {port.get("name") for service in services for port in service.body["spec"]["ports"]}
    for index, endpoint in enumerate(spec["endpoints"]):
        if services and endpoint.get("port") not in names:
            expectation = f"expected a named port of the Service, one of {', '.join(sorted(map(str, names)))}"
            yield Problem(document, f"$.spec.endpoints[{index}].port", endpoint.get("port"), expectation)


def _pod_monitor(document: Document, pods: list[PodTemplate], _: list[Document]) -> Iterator[Problem]:
    spec = document.body["spec"]
    selected = _selected(document, spec["selector"], pods)
    for index, endpoint in enumerate(spec.get("podMetricsEndpoints", [])):
        if any(endpoint.get("port") not in pod.ports for pod in selected):
            where = f"$.spec.podMetricsEndpoints[{index}].port"
            yield Problem(document, where, endpoint.get("port"), "expected a named port of the selected pods")


def _network_policy(document: Document, pods: list[PodTemplate], together: list[Document]) -> Iterator[Problem]:
    spec = document.body["spec"]
    selected = _selected(document, spec.get("podSelector", {}), pods)
    if not selected and not _selects_an_operators(document, together):
        yield Problem(document, "$.spec.podSelector", spec.get("podSelector"), "selects no pod here")
    for i, rule in enumerate(spec.get("ingress", [])):
        for j, port in enumerate(rule.get("ports", [])):
            if any(port.get("port") not in pod.ports for pod in selected):
                path = f"$.spec.ingress[{i}].ports[{j}].port"
                yield Problem(document, path, port.get("port"), "expected a port the selected pods listen on")


def _selects_an_operators(policy: Document, together: list[Document]) -> bool:
    """Whether a policy selects pods that an operator makes of a document here; which ports they have is its affair."""
    made = [
        _OPERATED[other.kind]
        for other in together
        if other.kind in _OPERATED and _namespace(other) == _namespace(policy)
    ]
    return any(selects(policy.body["spec"].get("podSelector", {}), labels) for labels in made)


def _disruption_budget(document: Document, pods: list[PodTemplate], _: list[Document]) -> Iterator[Problem]:
    spec = document.body["spec"]
    if not _selected(document, spec.get("selector", {}), pods):
        yield Problem(document, "$.spec.selector", spec.get("selector"), "selects no pod here")
    for field, blocking in (("maxUnavailable", (0, "0%")), ("minAvailable", ("100%",))):
        if spec.get(field) in blocking:
            yield Problem(document, f"$.spec.{field}", spec[field], "no node could ever be drained")


def _autoscaler(document: Document, _: list[PodTemplate], together: list[Document]) -> Iterator[Problem]:
    target = document.body["spec"]["scaleTargetRef"]
    wanted = (target.get("apiVersion", "apps/v1"), target.get("kind", "Deployment"), target["name"])
    targets = [other for other in together if (other.api_version, other.kind, other.name) == wanted]
    if not targets:
        yield Problem(document, "$.spec.scaleTargetRef", target, "no such object here")
    for other in targets:
        if "replicas" in other.body["spec"]:
            expectation = f"leave it out: {document.kind} {document.name} sets it, and each apply would reset it"
            yield Problem(other, "$.spec.replicas", other.body["spec"]["replicas"], expectation)


_CHECKS: dict[str, Check] = {
    "Service": _service,
    "ServiceMonitor": _service_monitor,
    "PodMonitor": _pod_monitor,
    "NetworkPolicy": _network_policy,
    "PodDisruptionBudget": _disruption_budget,
    "HorizontalPodAutoscaler": _autoscaler,
    "ScaledObject": _autoscaler,
}
