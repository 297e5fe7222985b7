"""What a schema cannot say about a pod: the house rules every workload keeps.

The security rules are the "restricted" Pod Security Standard
(https://kubernetes.io/docs/concepts/security/pod-security-standards/) plus a read-only root file system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.manifests.documents import Document, Problem
from workbench.manifests.pods import SERVING_KINDS, PodTemplate, pod_templates
from workbench.manifests.references import check_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["check_policy"]

_DEFAULT_GRACE_S = 30
_SETTINGS: tuple[tuple[str, object], ...] = (
    ("readOnlyRootFilesystem", True),
    ("allowPrivilegeEscalation", False),
    ("capabilities", {"drop": ["ALL"]}),
)


def check_policy(documents: Iterable[Document]) -> list[Problem]:
    """Every breach of the house rules among documents that are applied together.

    Pods: non-root, read-only root, no capabilities, seccomp ``RuntimeDefault``, no service account token, own service
    account, nothing of the host's, pinned images, requests and limits, three probes, time left to drain. References:
    see :mod:`workbench.manifests.references`. What is applied twice changes nothing. The documents must be valid.
    """
    together = list(documents)
    accounts = {document.name for document in together if document.kind == "ServiceAccount"}
    problems = [problem for pod in pod_templates(together) for problem in _check_pod(pod, accounts)]
    problems += [problem for document in together for problem in _check_applied_again(document)]
    return problems + list(check_references(together))


def _check_applied_again(document: Document) -> Iterator[Problem]:
    """What makes a cluster see a change where there is none: seen on Kubernetes 1.36 and Seldon's operator 1.17."""
    spec = document.body.get("spec") or {}
    strategy = spec.get("strategy") or {}
    if document.kind == "Deployment" and "rollingUpdate" in strategy and "type" not in strategy:
        expectation = "expected RollingUpdate: without it `kubectl apply` always says that something changed"
        yield Problem(document, "$.spec.strategy.type", None, expectation)
    predictors = spec.get("predictors", []) if document.kind == "SeldonDeployment" else []
    for index, predictor in enumerate(predictors):
        where, replicas = f"$.spec.predictors[{index}].replicas", predictor.get("replicas")
        scaled = any("hpaSpec" in component for component in predictor.get("componentSpecs", []))
        if scaled and replicas is not None:
            yield Problem(document, where, replicas, "leave it out: the predictor's hpaSpec sets it")
        elif not scaled and replicas is None:
            expectation = "expected a number: without it the operator rewrites its Deployments for ever"
            yield Problem(document, where, None, expectation)


def _check_pod(pod: PodTemplate, accounts: set[str]) -> Iterator[Problem]:
    spec, path = pod.spec, f"{pod.path}.spec"
    if spec.get("serviceAccountName") not in accounts:
        expectation = f"expected a service account of its own, one of {', '.join(sorted(accounts)) or 'none here'}"
        yield Problem(pod.document, f"{path}.serviceAccountName", spec.get("serviceAccountName"), expectation)
    if spec.get("automountServiceAccountToken") is not False:
        value = spec.get("automountServiceAccountToken")
        yield Problem(pod.document, f"{path}.automountServiceAccountToken", value, "expected false")
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield Problem(pod.document, f"{path}.{field}", spec[field], "a workload shares nothing with its node")
    for index, volume in enumerate(spec.get("volumes", [])):
        if "hostPath" in volume:
            where = f"{path}.volumes[{index}].hostPath"
            yield Problem(pod.document, where, volume["hostPath"], "a workload shares nothing with its node")
    for where, container in pod.containers():
        yield from _check_security(pod, where, container)
        yield from _check_image(pod, where, container)
        yield from _check_resources(pod, where, container)
    if pod.document.kind in SERVING_KINDS:
        for index, container in enumerate(spec["containers"]):
            yield from _check_probes(pod, f"{path}.containers[{index}]", container)
            yield from _check_drain(pod, f"{path}.containers[{index}]", container)


def _check_security(pod: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Problem]:
    own = container.get("securityContext", {})
    effective = pod.spec.get("securityContext", {}) | own  # the container's settings win, field by field
    where = f"{path}.securityContext"
    for field, wanted in _SETTINGS:
        if own.get(field) != wanted:
            yield Problem(pod.document, f"{where}.{field}", own.get(field), f"expected {wanted}")
    if own.get("privileged"):
        yield Problem(pod.document, f"{where}.privileged", own["privileged"], "expected false")
    if effective.get("runAsNonRoot") is not True or effective.get("runAsUser") == 0:
        yield Problem(pod.document, f"{where}.runAsNonRoot", effective, "expected runAsNonRoot: true and no user 0")
    seccomp = effective.get("seccompProfile", {}).get("type")
    if seccomp not in {"RuntimeDefault", "Localhost"}:
        yield Problem(pod.document, f"{where}.seccompProfile.type", seccomp, "expected RuntimeDefault")


def _check_image(pod: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Problem]:
    image = str(container.get("image", ""))
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if not digest and tag in {"", "latest"}:
        yield Problem(pod.document, f"{path}.image", image, "expected a pinned tag or a digest, not the newest")


def _check_resources(pod: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Problem]:
    resources = container.get("resources", {})
    for side in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            if resource not in resources.get(side, {}):
                where = f"{path}.resources.{side}.{resource}"
                yield Problem(pod.document, where, None, "every container says what it needs and may take")


def _check_probes(pod: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Problem]:
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(name)
        if probe is None:
            yield Problem(pod.document, f"{path}.{name}", None, "expected a probe")
            continue
        port = next((probe[way]["port"] for way in ("httpGet", "tcpSocket", "grpc") if way in probe), None)
        if port is not None and port not in pod.ports:
            known = ", ".join(map(str, pod.ports))
            yield Problem(pod.document, f"{path}.{name}", port, f"expected one of the container's ports {known}")
    readiness, liveness = (container.get(name, {}).get("httpGet") for name in ("readinessProbe", "livenessProbe"))
    if readiness and readiness == liveness:
        expectation = "liveness must not ask what readiness asks: a pod that is only busy would be killed"
        yield Problem(pod.document, f"{path}.livenessProbe.httpGet", liveness, expectation)


def _check_drain(pod: PodTemplate, path: str, container: dict[str, Any]) -> Iterator[Problem]:
    grace = pod.spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_S)
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if grace <= pause:
        where = f"{path}.lifecycle.preStop.sleep.seconds"
        yield Problem(pod.document, where, pause, f"expected less than the grace period, {grace} s: no time to drain")
