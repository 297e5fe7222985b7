"""``make cluster-up-N deploy-N cluster-down-N``: a level on a minikube of its own.

Each level has its profile and its Kubernetes version (``versions.toml``), for what one level's operator needs another's
refuses. Only what was validated is applied: the overlay is rendered by the environment's kubectl, or the chart by the
environment's Helm engine, and handed over as is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from workbench.cluster_charts import chart_commands
from workbench.manifests import Document, ManifestError, find_kubectl, render_chart, validate
from workbench.manifests.documents import parse
from workbench.manifests.kustomize import render
from workbench.manifests.pods import SERVING_KINDS, PodTemplate, pod_templates, selects
from workbench.versions import ROOT, Cluster, cluster, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ClusterError", "deploy", "down", "find_overlay", "up"]

_ROLLOUT_S = 180
_SELDON = "SeldonDeployment"
_SELDON_OBJECT = "seldondeployment.machinelearning.seldon.io"
_KSERVE = "InferenceService"
_CRDS = {
    _SELDON: "seldondeployments.machinelearning.seldon.io",
    _KSERVE: "inferenceservices.serving.kserve.io",
}


class ClusterError(Exception):
    """A cluster is missing or refused; the text names the remedy."""


def up(level: Cluster) -> None:
    """Starts the level's minikube; leaves one that runs already as it is.

    Raises:
        ClusterError: minikube is missing or could not start.
    """
    _run([_minikube(), "start", "--profile", level.profile, "--kubernetes-version", f"v{level.version}"])
    if needed := chart_commands(level, optional=False):
        _say("\n".join([f"cluster {level.profile}: Kubernetes {level.version}; it needs:", *needed]))
        _say(f"then: make deploy-{level.level}")
    else:
        _say(f"cluster {level.profile}: Kubernetes {level.version}; next: make deploy-{level.level}")


def down(level: Cluster) -> None:
    """Deletes the level's minikube and everything in it."""
    _run([_minikube(), "delete", "--profile", level.profile])


def deploy(level: Cluster, overlay: Path) -> None:
    """Loads the overlay's images into the cluster, applies it, waits for the rollout, and prints how to call it.

    Args:
        level: whose cluster.
        overlay: a folder with a kustomization, or a chart's values file.

    Raises:
        ClusterError: a missing tool, cluster or image, an invalid overlay, or a rollout that did not finish.
    """
    minikube = _minikube()
    if _run([minikube, "status", "--profile", level.profile], check=False, quiet=True).returncode:
        raise ClusterError(f"cluster {level.profile}: not running, `make cluster-up-{level.level}` starts it")
    text = _render(level, overlay)
    documents = parse(text, str(overlay))
    if problems := validate(documents, level.minors[0]):
        raise ClusterError("\n".join(map(str, problems)))
    for image in _own_images(documents):
        _say(f"loading {image} into {level.profile}")
        remedy = f"is it built? `make image-{level.level}`"
        _run([minikube, "image", "load", image, "--profile", level.profile], remedy=remedy)
    kubectl = [_kubectl(), "--context", level.profile]
    operated = [document for document in documents if document.kind in _CRDS]
    _check_operators(level, kubectl, operated)
    applied = _run([*kubectl, "apply", "-f", "-"], text=text, quiet=True).stdout
    _say(applied.rstrip())
    pods = pod_templates(documents)
    for job in (pod for pod in pods if pod.document.kind == "Job"):
        _await_job(kubectl, job.document)
    serving = [pod for pod in pods if pod.document.kind in SERVING_KINDS]
    models = [document for document in operated if document.kind == _KSERVE]
    for document in models:  # before what calls them
        _await_kserve(kubectl, document)
    _roll_out(kubectl, serving, applied)
    for document in (each for each in operated if each.kind == _SELDON):
        _await_seldon(kubectl, document, applied)
    _explain_calls(level, documents)


def find_overlay(level: int, root: Path = ROOT) -> Path:
    """The path that ``make deploy-N`` applies: a folder with a kustomization, or values of the level's chart."""
    places = [f"{level:02d}-*/deploy/{place}" for place in ("overlays/minikube", "*/values/minikube.yaml")]
    found = [path for place in places for path in sorted(root.glob(place))]
    if not found:
        raise ClusterError(f"level {level}: no {' and no '.join(places)} in {root}")
    return found[0]


def _render(level: Cluster, overlay: Path) -> str:
    if overlay.suffix != ".yaml":
        return render(overlay)
    chart = overlay.parent.parent
    return render_chart(chart, [overlay], release=level.profile, namespace=level.profile)


def _check_operators(level: Cluster, kubectl: list[str], operated: list[Document]) -> None:
    for kind in dict.fromkeys(document.kind for document in operated):
        if _run([*kubectl, "get", "crd", _CRDS[kind]], check=False, quiet=True).returncode:
            install = (
                _install_seldon(level) if kind == _SELDON else "\n  ".join(["", *chart_commands(level, optional=False)])
            )
            raise ClusterError(f"{kind}: no operator in {level.profile} that knows it; install it: {install}")


def _await_job(kubectl: list[str], document: Document) -> None:
    place = ["--namespace", document.body["metadata"].get("namespace", "default")]
    what = f"job/{document.name}"
    wait = [*kubectl, *place, "wait", what, "--for=condition=complete", f"--timeout={_ROLLOUT_S}s"]
    if _run(wait, check=False).returncode:
        _run([*kubectl, *place, "logs", what, "--tail", "20"], check=False)
        raise ClusterError(f"{what}: not complete within {_ROLLOUT_S} s; its last logs are above")


def _roll_out(kubectl: list[str], pods: list[PodTemplate], applied: str) -> None:
    for pod in pods:
        place = ["--namespace", pod.namespace or "default"]
        what = f"{pod.document.kind.lower()}/{pod.document.name}"
        # The tag stays "dev" when the image is rebuilt, so an unchanged Deployment would keep running the old one.
        if f"{pod.document.kind.lower()}.apps/{pod.document.name} unchanged" in applied:
            _run([*kubectl, *place, "rollout", "restart", what])
        wait = [*kubectl, *place, "rollout", "status", what, f"--timeout={_ROLLOUT_S}s"]
        if _run(wait, check=False).returncode:
            _run([*kubectl, *place, "get", "pods", "--output", "wide"], check=False)
            _run([*kubectl, *place, "get", "events", "--sort-by", ".lastTimestamp"], check=False)
            _run([*kubectl, *place, "logs", what, "--tail", "20"], check=False)
            raise ClusterError(f"{what}: not rolled out within {_ROLLOUT_S} s; pods, events and last logs are above")


def _await_seldon(kubectl: list[str], document: Document, applied: str) -> None:
    """The operator makes Deployments of it, and says when all of them can answer."""
    place = ["--namespace", document.body["metadata"].get("namespace", "default")]
    pods = ["--selector", f"seldon-deployment-id={document.name}"]
    if f"{_SELDON_OBJECT}/{document.name} unchanged" in applied:  # its images may not be, see above
        _run([*kubectl, *place, "delete", "pods", *pods])
    what, state = f"{_SELDON.lower()}/{document.name}", "--for=jsonpath={.status.state}=Available"
    if _run([*kubectl, *place, "wait", what, state, f"--timeout={_ROLLOUT_S}s"], check=False).returncode:
        _run([*kubectl, *place, "describe", what], check=False)
        _run([*kubectl, *place, "get", "pods", "--output", "wide"], check=False)
        _run([*kubectl, *place, "logs", *pods, "--all-containers", "--prefix", "--tail", "20"], check=False)
        raise ClusterError(f"{what}: not Available within {_ROLLOUT_S} s; its state, pods and last logs are above")


def _await_kserve(kubectl: list[str], document: Document) -> None:
    """The controller makes Deployments and routes of it, and says when both are there."""
    place = ["--namespace", document.body["metadata"].get("namespace", "default")]
    what = f"{_KSERVE.lower()}/{document.name}"
    pods = ["--selector", f"serving.kserve.io/inferenceservice={document.name}"]
    wait = [*kubectl, *place, "wait", what, "--for=condition=Ready", f"--timeout={_ROLLOUT_S}s"]
    if _run(wait, check=False).returncode:
        _run([*kubectl, *place, "describe", what], check=False)
        _run([*kubectl, *place, "get", "pods", "--output", "wide"], check=False)
        _run([*kubectl, *place, "logs", *pods, "--all-containers", "--prefix", "--tail", "20"], check=False)
        raise ClusterError(f"{what}: not Ready within {_ROLLOUT_S} s; its state, pods and last logs are above")


def _install_seldon(level: Cluster) -> str:
    version = load_versions()["crds"]["seldon-core"]["version"]
    return (
        f"helm install seldon-core seldon-core-operator --version {version} --kube-context {level.profile} "
        "--repo https://storage.googleapis.com/seldon-charts --namespace seldon-system --create-namespace"
    )


def _own_images(documents: list[Document]) -> list[str]:
    """The images that are built here, not pulled: those of ``[images]`` with their development tag."""
    tables = load_versions()["images"].items()
    ours = {f"{name}:{table['development']}" for name, table in tables if "development" in table}
    return sorted({image for document in documents for image in _images(document.body)} & ours)


def _images(body: Any) -> Iterator[str]:
    """Every container's image, in whatever kind of workload."""
    if isinstance(body, list):
        for each in body:
            yield from _images(each)
    elif isinstance(body, dict):
        if isinstance(body.get("image"), str):
            yield body["image"]
        for each in body.values():
            yield from _images(each)


def _explain_calls(level: Cluster, documents: list[Document]) -> None:
    """How to reach each Service whose pods have a readiness probe over HTTP, and each predictor's executor."""
    for service in (document for document in documents if document.kind == "Service" and not document.group):
        selector = {"matchLabels": service.body["spec"].get("selector", {})}
        for pod in (pod for pod in pod_templates(documents) if selects(selector, pod.labels)):
            probes = [container.get("readinessProbe", {}).get("httpGet") for _, container in pod.containers()]
            for probe in filter(None, probes):
                _explain_call(level, service, service.name, service.body["spec"]["ports"][0]["port"], probe["path"])
    for document in (document for document in documents if document.kind == _SELDON):
        for predictor in document.body["spec"]["predictors"]:
            _explain_call(level, document, f"{document.name}-{predictor['name']}", 8000, "/ready")


def _explain_call(level: Cluster, document: Document, service: str, port: int, path: str) -> None:
    place = f"--namespace {document.body['metadata'].get('namespace', 'default')}"
    _say(f"{service} is ready. In another terminal:")
    _say(f"  kubectl --context {level.profile} {place} port-forward service/{service} {port}:{port}")
    _say(f"  curl http://127.0.0.1:{port}{path}")


def _minikube() -> str:
    found = shutil.which("minikube")
    if found is None:
        version = load_versions()["minikube"]["version"]
        raise ClusterError(
            f"minikube: not on PATH; install {version} or newer from https://minikube.sigs.k8s.io/docs/start/"
        )
    return found


def _kubectl() -> str:
    """The user's own kubectl, which their kubeconfig works with, else the environment's."""
    return shutil.which("kubectl") or find_kubectl()


def _run(
    command: list[str], *, text: str | None = None, check: bool = True, quiet: bool = False, remedy: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a tool with its output passed through (``quiet``: kept), its failure as a :class:`ClusterError`."""
    result = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE if quiet else None, check=False)
    if check and result.returncode:
        shown = " ".join([command[0].rpartition("/")[2], *command[1:]])
        raise ClusterError(f"{shown}: exit {result.returncode}{f'; {remedy}' if remedy else ''}")
    return result


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()  # the tools write to the same terminal


def main(arguments: list[str] | None = None) -> int:
    """``python -m workbench.cluster up|deploy|down|charts LEVEL``; 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m workbench.cluster", description="A level on its own minikube.")
    parser.add_argument("command", choices=["up", "deploy", "down", "charts"])
    parser.add_argument("level", type=int)
    options = parser.parse_args(arguments)
    try:
        level = cluster(options.level)
        if options.command == "deploy":
            deploy(level, find_overlay(options.level))
        elif options.command == "charts":
            _say("\n".join(chart_commands(level)))
        else:
            {"up": up, "down": down}[options.command](level)
    except (ClusterError, ManifestError, LookupError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
