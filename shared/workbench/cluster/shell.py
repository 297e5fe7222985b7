"""The tools that are called (kubectl, helm, minikube, docker and their like), with their failures as one line."""

from __future__ import annotations

import shutil
import subprocess

from workbench.manifests import find_kubectl

__all__ = ["ClusterError", "kubectl", "program", "run"]

_INSTALL = {
    "minikube": "https://minikube.sigs.k8s.io/docs/start/",
    "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/",
    "k3d": "https://k3d.io/",
    "k3s": "https://k3s.io/ (on the node itself)",
    "ctr": "containerd (on the node itself)",
    "helm": "https://helm.sh/docs/intro/install/",
}


class ClusterError(Exception):
    """A cluster is missing or refused; the text names the remedy."""


def program(name: str) -> str:
    """Returns the path of a tool.

    Raises:
        ClusterError: it is not on PATH; the text says where to get it.
    """
    found = shutil.which(name)
    if found is None:
        raise ClusterError(f"{name}: not on PATH; install it from {_INSTALL[name]}")
    return found


def kubectl() -> str:
    """Returns the user's own kubectl, which their kubeconfig works with, else the environment's."""
    return shutil.which("kubectl") or find_kubectl()


def run(
    command: list[str], *, text: str | None = None, check: bool = True, quiet: bool = False, remedy: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a tool with its output passed through, or kept where ``quiet``; ``text`` is its standard input.

    Raises:
        ClusterError: it failed, and ``check`` says that this matters; ``remedy`` ends the message.
    """
    kept = subprocess.PIPE if quiet else None
    result = subprocess.run(command, input=text, text=True, stdout=kept, stderr=kept, check=False)
    if check and result.returncode:
        shown = " ".join([command[0].rpartition("/")[2], *command[1:]])
        said = f": {result.stderr.strip()}" if quiet and result.stderr.strip() else ""
        raise ClusterError(f"{shown}: exit {result.returncode}{said}{f'; {remedy}' if remedy else ''}")
    return result
