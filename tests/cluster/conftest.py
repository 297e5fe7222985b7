"""A cluster that exists already, kubectl's current one; every test here is skipped, with the reason, without one.

It must enforce NetworkPolicies (``minikube start --cni calico``), and its nodes must have an image with Python:
``iris-api:dev`` of ``make image-1`` (``minikube image load iris-api:dev``), or what CLUSTER_TEST_IMAGE names. Only
namespaces whose names begin with ``probe-`` are made, and they are deleted at the end.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from workbench.manifests import find_kubectl

__all__ = ["IMAGE", "kubectl"]

IMAGE = os.environ.get("CLUSTER_TEST_IMAGE", "iris-api:dev")
_TIMEOUT_S = 300


def kubectl(*arguments: str, given: str | None = None) -> str:
    """What kubectl answers; a failure shows what it said."""
    done = subprocess.run(
        [find_kubectl(), *arguments], input=given, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def cluster() -> str:
    """The version of the cluster's API server."""
    asked = subprocess.run(
        [find_kubectl(), "get", "--raw", "/version", "--request-timeout=10s"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        pytest.skip(f"no cluster answers: {asked.stderr.strip().splitlines()[-1]}; point KUBECONFIG at one")
    return asked.stdout
