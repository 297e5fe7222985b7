"""A cluster that exists already, kubectl's current one; every test here is skipped, with the reason, without one.

What a test needs of it stands at its top. Namespaces are made and deleted, also after Ctrl-C: those that begin with
``probe-``, and a level's own where it is not there yet. Nothing is done to a namespace that was there before.

kubectl is asked, as its users ask it. Kubernetes' Python client would bring twelve packages into everybody's
environment, for the tests that fewest run.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from rich.text import Text

from workbench.cluster.delivery import choose_way, deliver
from workbench.cluster.shell import ClusterError
from workbench.cluster.target import KubeContext
from workbench.manifests import find_kubectl
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PROBE", "asked", "kubectl", "namespaces", "need_metrics", "need_running", "pod", "probe_image"]

PROBE = "probe-"
_IMAGE = "iris-api:dev"
_TIMEOUT_S = 300
_SEEN: list[tuple[str, str, str]] = []


def asked(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """What kubectl answers, whether it succeeds or not."""
    return subprocess.run(
        [find_kubectl(), *arguments], input=given, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )


def kubectl(*arguments: str, given: str | None = None) -> str:
    """What kubectl answers; a failure shows what it said."""
    done = asked(*arguments, given=given)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def need_running(operator: str, label: str) -> None:
    """Skips where no pod of that operator is available: its kinds alone do nothing."""
    path = "{.items[*].status.availableReplicas}"
    if not kubectl("get", "deployments", "--all-namespaces", "--selector", label, "-o", f"jsonpath={path}"):
        pytest.skip(f"{operator} does not run in this cluster: no deployment labelled {label} is available")


def need_metrics() -> None:
    """Skips where nobody measures the pods' CPU: an autoscaler does nothing without."""
    if asked("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes").returncode:
        pytest.skip("the cluster does not measure its pods' CPU: metrics-server is not installed")


@cache
def probe_image() -> str:
    """An image with Python that the nodes have: what CLUSTER_TEST_IMAGE names, else that of level 1, brought there.

    It comes as a level's own images come; where nobody says how, or it is not built, the test is skipped.
    """
    if given := os.environ.get("CLUSTER_TEST_IMAGE"):
        return given
    try:
        way = choose_way(KubeContext(kubectl("config", "current-context").strip()))
        return deliver([_IMAGE], way, level=1).get(_IMAGE, _IMAGE)
    except ClusterError as error:
        pytest.skip(f"{error}; or name an image with Python that the nodes have: CLUSTER_TEST_IMAGE=…")


def apply(bodies: list[dict[str, Any]], *options: str) -> str:
    return kubectl(
        "apply", *options, "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    )


@contextmanager
def namespaces(*names: str) -> Iterator[list[str]]:
    """Makes those that are not there, yields their names, and deletes them again."""
    listed = kubectl("get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}").split()
    made = [name for name in names if name not in listed]
    try:
        if made:
            apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in made])
        yield made
    finally:
        if made:
            kubectl("delete", "namespace", *made, "--ignore-not-found", "--wait=true")


def pod(name: str, namespace: str, labels: dict[str, str], command: list[str]) -> dict[str, Any]:
    """A pod that runs a command in `probe_image` and is stopped at once."""
    container = {"name": "probe", "image": probe_image(), "imagePullPolicy": "IfNotPresent", "command": command}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [container]},
    }


@pytest.fixture(scope="session", autouse=True)
def cluster() -> str:
    """The version of the cluster's API server."""
    answer = asked("get", "--raw", "/version", "--request-timeout=10s")
    if answer.returncode:
        pytest.skip(f"no cluster answers: {answer.stderr.strip().splitlines()[-1]}; point KUBECONFIG at one")
    version: str = json.loads(answer.stdout)["gitVersion"]
    return version


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes what a test saw, for the table at the end."""
    what = request.node.name.removeprefix("test_").replace("_", " ")
    return lambda found: _SEEN.append((request.node.nodeid, what, found))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The verdicts of those tests that saw something, with what it was."""
    if not _SEEN:
        return
    failed = {report.nodeid for key in ("failed", "error") for report in terminalreporter.stats.get(key, [])}
    console = make_console()
    table = make_table(console, "what", "seen", "verdict")
    for nodeid, what, found in _SEEN:
        table.add_row(Text(what), Text(found), "failed" if nodeid in failed else "holds")
    console.print(table)
