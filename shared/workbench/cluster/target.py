"""Which cluster is meant, and whether one may do there what a deployment does."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from workbench.cluster.shell import ClusterError, kubectl, run
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.manifests import Document
    from workbench.versions import Cluster

__all__ = ["KubeContext", "Right", "agree", "check_rights", "choose", "missing_rights"]

_VERBS = ("create", "patch")  # what `kubectl apply` does
_HOW = "name one with CONTEXT=…"


@dataclass(frozen=True)
class KubeContext:
    """A cluster.

    Args:
        context: its name in the kubeconfig.
        own: the level's own minikube, which holds nothing else.
        named: somebody has said that this one is meant.
    """

    context: str
    own: bool = False
    named: bool = True

    def kubectl(self, namespace: str | None = None) -> list[str]:
        """Returns the beginning of a kubectl command there, in a namespace if one is given."""
        return [kubectl(), "--context", self.context, *(["--namespace", namespace] if namespace else [])]


class Right(NamedTuple):
    """What one may do to a kind of object or a part of it (``pods/log``), in a namespace or, if empty, everywhere."""

    verb: str
    resource: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f' in namespace {self.namespace}' if self.namespace else ''}"


def choose(level: Cluster, environment: Mapping[str, str] = os.environ) -> KubeContext:
    """Returns ``CONTEXT``, else the level's own minikube if it runs, else the kubeconfig's current context.

    Raises:
        ClusterError: there is none.
    """
    if named := environment.get("CONTEXT"):
        known = run([kubectl(), "config", "get-contexts", named, "--output", "name"], check=False, quiet=True)
        if known.returncode:
            raise ClusterError(
                f"CONTEXT {named}: the kubeconfig has no such context; `kubectl config get-contexts` lists them"
            )
        return KubeContext(named, own=named == level.profile)
    if minikube := shutil.which("minikube"):
        status = run([minikube, "status", "--profile", level.profile], check=False, quiet=True)
        if not status.returncode:
            return KubeContext(level.profile, own=True)
    current = run([kubectl(), "config", "current-context"], check=False, quiet=True)
    if current.returncode or not current.stdout.strip():
        start = f"`make cluster-up-{level.level}` starts one"
        raise ClusterError(
            f"cluster {level.profile}: not running, and the kubeconfig has no current context; {start}, or {_HOW}"
        )
    return KubeContext(current.stdout.strip(), named=False)


def agree(target: KubeContext, question: str, environment: Mapping[str, str] = os.environ) -> None:
    """Asks before anything changes; ``YES=1`` is an answer.

    Raises:
        ClusterError: the answer was not yes, or nobody is there to give one.
    """
    if environment.get("YES"):
        return
    if not sys.stdin.isatty():
        other = "" if target.named else f"{_HOW}, or "
        raise ClusterError(f"context {target.context}: nobody is here to confirm it; {other}confirm with YES=1")
    say(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ClusterError(f"context {target.context}: left as it is")


def check_rights(target: KubeContext, documents: Iterable[Document]) -> None:
    """Asks the API server beforehand whether each kind may be applied.

    Raises:
        ClusterError: the server does not answer, or a right is missing; names each.
    """
    reach = run([*target.kubectl(), "get", "--raw", "/version"], check=False, quiet=True)
    if reach.returncode:
        last = (reach.stderr.strip().splitlines() or ["no answer"])[-1]
        raise ClusterError(f"context {target.context}: its API server does not answer: {last}")
    asked = [
        Right(verb, f"{document.kind.lower()}{f'.{document.group}' if document.group else ''}", _namespace(document))
        for document in documents
        for verb in _VERBS
    ]
    missing = [f"  {each}" for each in missing_rights(target, asked)]
    if missing:
        remedy = "ask the cluster's owner for it, or take another cluster with CONTEXT=…"
        raise ClusterError("\n".join([f"context {target.context}: a right is missing; {remedy}:", *missing]))


def missing_rights(target: KubeContext, asked: Iterable[Right]) -> list[Right]:
    """Returns those that the API server says one does not have, each once."""
    return [each for each in dict.fromkeys(asked) if not _may(target, each)]


def _namespace(document: Document) -> str:
    return str(document.body["metadata"].get("namespace", ""))


def _may(target: KubeContext, right: Right) -> bool:
    resource, _, part = right.resource.partition("/")  # kubectl would take pods/log for a pod of that name
    question = ["auth", "can-i", right.verb, resource, *(["--subresource", part] if part else []), "--quiet"]
    return run([*target.kubectl(right.namespace), *question], check=False, quiet=True).returncode == 0
