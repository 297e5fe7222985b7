"""Waits until what was applied answers, and shows why where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.cluster.shell import ClusterError, run
from workbench.manifests.pods import SERVING_KINDS, pod_templates

if TYPE_CHECKING:
    from workbench.cluster.target import KubeContext
    from workbench.manifests import Document

__all__ = ["KSERVE", "SELDON", "await_all", "remove_failed_jobs"]

SELDON = "SeldonDeployment"
KSERVE = "InferenceService"
_ROLLOUT_S = 180
_READY = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True'
_GATEWAY, _POLICY = "gateway.networking.k8s.io", "gateway.envoyproxy.io"
_ACCEPTED = 'jsonpath={{.status.{}[0].conditions[?(@.type=="Accepted")].status}}=True'
_FAILED = '{.status.conditions[?(@.type=="Failed")].status}'


def remove_failed_jobs(target: KubeContext, documents: list[Document]) -> None:
    """Deletes Jobs that failed the last time: the cluster does not run a Job again under the same name."""
    for job in (document for document in documents if document.kind == "Job"):
        place = target.kubectl(_namespace(job))
        state = run([*place, "get", "job", job.name, "--output", f"jsonpath={_FAILED}"], check=False, quiet=True)
        if state.returncode == 0 and state.stdout.strip() == "True":
            run([*place, "delete", "job", job.name])


def await_all(target: KubeContext, documents: list[Document]) -> None:
    """Waits for Jobs, for models before what calls them, for pods, for what Seldon's operator makes, and for routes.

    Raises:
        ClusterError: one did not get ready within its time; its state and last logs are on the terminal.
    """
    by_kind = {kind: [each for each in documents if each.kind == kind] for kind in ("Job", KSERVE, SELDON)}
    for job in by_kind["Job"]:
        _await_job(target, job)
    for model in by_kind[KSERVE]:
        _await_model(target, model)
    for pod in pod_templates(documents):
        if pod.document.kind in SERVING_KINDS:
            _await_pods(target, pod.document)
    for pipeline in by_kind[SELDON]:
        pods = f"seldon-deployment-id={pipeline.name}"
        _await_operated(target, pipeline, "jsonpath={.status.state}=Available", "Available", pods)
    for document in documents:
        if (document.group, document.kind) == (_GATEWAY, "HTTPRoute"):
            _await_accepted(target, document, "parents")
        elif document.group == _POLICY and document.kind.endswith("Policy"):
            _await_accepted(target, document, "ancestors")


def _await_job(target: KubeContext, job: Document) -> None:
    place, what = target.kubectl(_namespace(job)), f"job/{job.name}"
    if run([*place, "wait", what, "--for=condition=complete", f"--timeout={_ROLLOUT_S}s"], check=False).returncode:
        run([*place, "logs", what, "--tail", "20"], check=False)
        raise ClusterError(f"{what}: not complete within {_ROLLOUT_S} s; its last logs are above")


def _await_model(target: KubeContext, model: Document) -> None:
    """Its condition alone would be awaited for ever: KServe gives it a Deployment's generation as the observed one.

    It may be ready by its old servers, so those that it has now are awaited, too.
    """
    servers = f"serving.kserve.io/inferenceservice={model.name}"
    _await_operated(target, model, _READY, "Ready", servers)
    place, told = target.kubectl(_namespace(model)), ["rollout", "status", "deployment", "--selector", servers]
    if run([*place, *told, f"--timeout={_ROLLOUT_S}s"], check=False).returncode:
        run([*place, "get", "pods", "--selector", servers, "--output", "wide"], check=False)
        raise ClusterError(f"inferenceservice/{model.name}: its servers are not rolled out within {_ROLLOUT_S} s")


def _await_pods(target: KubeContext, document: Document) -> None:
    place, what = target.kubectl(_namespace(document)), f"{document.kind.lower()}/{document.name}"
    if run([*place, "rollout", "status", what, f"--timeout={_ROLLOUT_S}s"], check=False).returncode:
        run([*place, "get", "pods", "--output", "wide"], check=False)
        run([*place, "get", "events", "--sort-by", ".lastTimestamp"], check=False)
        run([*place, "logs", what, "--tail", "20"], check=False)
        raise ClusterError(f"{what}: not rolled out within {_ROLLOUT_S} s; pods, events and last logs are above")


def _await_operated(target: KubeContext, document: Document, state: str, wanted: str, selector: str) -> None:
    """An operator makes Deployments (KServe's: routes too) of it, and says when all of them can answer."""
    place, what = target.kubectl(_namespace(document)), f"{document.kind.lower()}/{document.name}"
    if run([*place, "wait", what, f"--for={state}", f"--timeout={_ROLLOUT_S}s"], check=False).returncode:
        run([*place, "describe", what], check=False)
        run([*place, "get", "pods", "--output", "wide"], check=False)
        run([*place, "logs", "--selector", selector, "--all-containers", "--prefix", "--tail", "20"], check=False)
        raise ClusterError(f"{what}: not {wanted} within {_ROLLOUT_S} s; its state, pods and last logs are above")


def _await_accepted(target: KubeContext, document: Document, judges: str) -> None:
    """Envoy Gateway answers everybody with 500 where it refuses a policy, and the pods behind it look well."""
    place, what = target.kubectl(_namespace(document)), f"{document.kind.lower()}/{document.name}"
    state = f"--for={_ACCEPTED.format(judges)}"
    if run([*place, "wait", what, state, f"--timeout={_ROLLOUT_S}s"], check=False).returncode:
        run([*place, "describe", what], check=False)
        raise ClusterError(f"{what}: not accepted within {_ROLLOUT_S} s; its state is above")


def _namespace(document: Document) -> str:
    return str(document.body["metadata"].get("namespace", "default"))
