"""``make deploy-N`` and ``make undeploy-N``: puts a level on a cluster, and takes it away again.

Only what was validated is applied: the overlay is rendered by the environment's kubectl, or the chart by the
environment's Helm engine, and handed over as is. What will happen is shown first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.cluster.charts import chart_commands
from workbench.cluster.delivery import choose_way, deliver, own_images, renamed
from workbench.cluster.rollout import KSERVE, SELDON, await_all, remove_failed_jobs
from workbench.cluster.shell import ClusterError, run
from workbench.cluster.target import agree, check_rights, choose
from workbench.manifests import render_chart, validate
from workbench.manifests.documents import parse
from workbench.manifests.kustomize import render
from workbench.manifests.pods import pod_templates, selects
from workbench.manifests.schemas import without_schema
from workbench.terminal import say
from workbench.versions import ROOT, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from workbench.cluster.delivery import Way
    from workbench.cluster.target import KubeContext
    from workbench.manifests import Document

__all__ = ["deploy", "find_overlay", "rendered", "undeploy"]

_CRDS = {
    SELDON: "seldondeployments.machinelearning.seldon.io",
    KSERVE: "inferenceservices.serving.kserve.io",
}


def deploy(level: Cluster, overlay: Path) -> None:
    """Brings the overlay's images to the cluster, applies it, waits for the rollout, and prints how to call it.

    Args:
        level: which level.
        overlay: a folder with a kustomization, or a chart's values file.

    Raises:
        ClusterError: a missing tool, cluster, right or image, an invalid overlay, or a rollout that did not finish.
    """
    target = choose(level)
    documents = parse(rendered(level, overlay), str(overlay))
    _validate(level, documents)
    way = choose_way(target)
    _show(target, documents, way)
    if not target.named:
        agree(target, f"Deploy level {level.level} there?")
    check_rights(target, documents)
    _check_operators(level, target, documents)
    names = deliver(own_images(documents), way, level.level)
    text = rendered(level, overlay, names)
    documents = parse(text, str(overlay))
    remove_failed_jobs(target, documents)
    run([*target.kubectl(), "apply", "-f", "-"], text=text)
    await_all(target, documents)
    _explain_calls(target, documents)
    targets = f"client-{level.level} sla-{level.level} exam-{level.level}"
    say(f"Or have it asked, loaded and examined: make {targets} CONTEXT={target.context}")


def undeploy(level: Cluster, overlay: Path) -> None:
    """Deletes what ``deploy`` applied; in a cluster that is not the level's own, after a question.

    Raises:
        ClusterError: no cluster, no answer to the question, or the cluster refused.
    """
    target = choose(level)
    text = rendered(level, overlay)
    say(f"context {target.context}: this deletes, with everything in the namespace and its volumes:")
    for line in _summary(parse(text, str(overlay))):
        say(line)
    if not target.own:
        agree(target, "Delete them?")
    run([*target.kubectl(), "delete", "--ignore-not-found", "-f", "-"], text=text)


def find_overlay(level: int, root: Path = ROOT) -> Path:
    """Returns what ``make deploy-N`` applies: a folder with a kustomization or values of the level's chart."""
    places = [f"{level:02d}-*/deploy/{place}" for place in ("overlays/minikube", "*/values/minikube.yaml")]
    found = [path for place in places for path in sorted(root.glob(place))]
    if not found:
        raise ClusterError(f"level {level}: no {' and no '.join(places)} in {root}")
    return found[0]


def rendered(level: Cluster, overlay: Path, names: Mapping[str, str] | None = None) -> str:
    """Returns the level's YAML; ``names`` has the other names of images."""
    if overlay.suffix != ".yaml":
        return renamed(render(overlay), names or {})
    chart = overlay.parent.parent
    images = _chart_images([chart / "values.yaml", overlay], names or {})
    return render_chart(chart, [overlay], release=level.profile, namespace=level.profile, overrides={"images": images})


def _chart_images(files: list[Path], names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The chart's values for images that have another name; what else is made of a tag follows from them."""
    values: dict[str, dict[str, str]] = {}
    for file in files:
        for document in parse(file.read_text(encoding="utf-8"), str(file)):
            for key, image in document.body.get("images", {}).items():
                if isinstance(image, dict):
                    values[key] = values.get(key, {}) | image
    changed = {}
    for key, image in values.items():
        if name := names.get(f"{image['repository']}:{image['tag']}"):
            tagged, at, digest = name.partition("@")
            repository, _, tag = tagged.rpartition(":")
            changed[key] = {"repository": repository, "tag": f"{tag}{at}{digest}"}
    return changed


def _validate(level: Cluster, documents: list[Document]) -> None:
    unknown = without_schema(documents, level.minors[0])
    if problems := validate([each for each in documents if each not in unknown], level.minors[0]):
        raise ClusterError("\n".join(map(str, problems)))
    if unknown:
        kinds = ", ".join(dict.fromkeys(document.kind for document in unknown))
        say(f"no schemas for {kinds}: not validated here, the cluster's API server does; `make crds` fetches them")


def _show(target: KubeContext, documents: list[Document], way: Way) -> None:
    images = ", ".join(own_images(documents)) or "none"
    say(f"context {target.context}; images built here ({way.name}): {images}")
    for line in _summary(documents):
        say(line)


def _summary(documents: list[Document]) -> Iterator[str]:
    places: dict[str, dict[str, list[str]]] = {}
    for document in documents:
        place = str(document.body["metadata"].get("namespace", "")) or "the whole cluster, or the context's namespace"
        places.setdefault(place, {}).setdefault(document.kind, []).append(document.name)
    for place, kinds in places.items():
        listed = "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items())
        yield f"  in {place}: {listed}"


def _check_operators(level: Cluster, target: KubeContext, documents: list[Document]) -> None:
    for kind in dict.fromkeys(document.kind for document in documents if document.kind in _CRDS):
        if run([*target.kubectl(), "get", "crd", _CRDS[kind]], check=False, quiet=True).returncode:
            install = "\n  ".join(["", *chart_commands(level, target.context, optional=False)])
            raise ClusterError(
                f"{kind}: no operator in {target.context} that knows it; `make cluster-up-{level.level}` installs it, "
                f"in another cluster its owner does:{install}"
            )


def _explain_calls(target: KubeContext, documents: list[Document]) -> None:
    """How to reach each Service whose pods have a readiness probe over HTTP, and each predictor's executor."""
    for service in (document for document in documents if document.kind == "Service" and not document.group):
        selector = {"matchLabels": service.body["spec"].get("selector", {})}
        for pod in (pod for pod in pod_templates(documents) if selects(selector, pod.labels)):
            probes = [container.get("readinessProbe", {}).get("httpGet") for _, container in pod.containers()]
            for probe in filter(None, probes):
                _explain_call(target, service, service.name, service.body["spec"]["ports"][0]["port"], probe["path"])
    for document in (document for document in documents if document.kind == SELDON):
        for predictor in document.body["spec"]["predictors"]:
            _explain_call(target, document, f"{document.name}-{predictor['name']}", 8000, "/ready")


def _explain_call(target: KubeContext, document: Document, service: str, port: int, path: str) -> None:
    place = f"--namespace {document.body['metadata'].get('namespace', 'default')}"
    say(f"{service} is ready. In another terminal:")
    say(f"  kubectl --context {target.context} {place} port-forward service/{service} {port}:{port}")
    say(f"  curl http://127.0.0.1:{port}{path}")
