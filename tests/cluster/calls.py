"""Calls of a level in the cluster: requests from a pod beside it, and make's commands from here."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.cluster.conftest import apply, asked, kubectl, namespaces, pod
from tests.cluster.load import STOP
from tests.patience import until
from workbench.cluster.deploy import deploy, find_overlay, undeploy
from workbench.manifests import find_kubectl
from workbench.versions import ROOT, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SPACE", "Load", "Place", "deployed", "makes", "proxy", "under_load"]

SPACE = "probe-load"
"""The namespace of the pod that sends requests."""

_SCRIPT = Path(__file__).with_name("load.py").read_text(encoding="utf-8")


class Load(NamedTuple):
    """Where requests go, what they say, how many a second, and for how long.

    A ``#`` in the body becomes the request's number, so that no two are alike. ``host`` is the name that is asked for,
    if not the URL's. Answers count by their status, and by what the regular expression ``counted`` finds in their
    headers and body.
    """

    url: str
    body: str
    rate: int
    seconds: int
    host: str = ""
    counted: str = ""

    @property
    def requests(self) -> int:
        """How many that makes."""
        return self.rate * self.seconds


class Place(NamedTuple):
    """A Service, and the namespace that it is in."""

    namespace: str
    service: str

    @property
    def url(self) -> str:
        """Where pods find it."""
        return f"http://{self.service}.{self.namespace}.svc"


def proxy(gateway: str, namespace: str) -> Place:
    """Where Envoy Gateway lets a Gateway listen."""
    owner = "gateway.envoyproxy.io/owning-gateway"
    ours = f"{owner}-name={gateway},{owner}-namespace={namespace}"
    listed = until(
        lambda: json.loads(kubectl("get", "services", "--all-namespaces", "--selector", ours, "-o", "json"))["items"],
        f"a Service for Gateway {gateway}",
    )
    return Place(listed[0]["metadata"]["namespace"], listed[0]["metadata"]["name"])


def _start_caller(labels: dict[str, str]) -> None:
    """Starts the pod that sends requests; its namespace is there already."""
    apply([pod("load", SPACE, labels, ["python3", "-I", "-c", "import time; time.sleep(86400)"])])
    kubectl("--namespace", SPACE, "wait", "pod/load", "--for=condition=Ready", "--timeout=120s")


@contextmanager
def deployed(number: int, labels: dict[str, str]) -> Iterator[str]:
    """A level as ``make deploy-N`` puts it there, and a pod beside it that sends requests; deleted at the end.

    Yields the context's name. Skips where the level's namespace is there already: it is somebody's.
    """
    level = cluster(number)
    if not asked("get", "namespace", level.profile).returncode:
        pytest.skip(f"namespace {level.profile} is there already: `make undeploy-{number}` deletes it")
    current = kubectl("config", "current-context").strip()
    with pytest.MonkeyPatch.context() as patch, namespaces(SPACE):
        patch.setenv("CONTEXT", current)
        patch.setenv("YES", "1")
        try:
            deploy(level, find_overlay(number))
            _start_caller(labels)
            yield current
        finally:
            undeploy(level, find_overlay(number))


@contextmanager
def under_load(load: Load, *, stops: bool = False) -> Iterator[dict[str, object]]:
    """Requests at a constant rate while something is done; what became of them is in the dictionary afterwards.

    Args:
        load: the requests.
        stops: whether they end with what is done; else all of them are sent.
    """
    inside = ("--namespace", SPACE, "exec", "load", "--")
    kubectl(*inside, "rm", "-f", STOP)
    words = ["python3", "-I", "-c", _SCRIPT, json.dumps(load._asdict())]
    process = subprocess.Popen([find_kubectl(), *inside, *words], stdout=subprocess.PIPE, text=True)
    found: dict[str, object] = {}
    try:
        yield found
        if stops:
            assert process.poll() is None, "there were requests until the end"
            kubectl(*inside, "touch", STOP)
        found.update(json.loads(process.communicate(timeout=60 + 10 * load.seconds)[0]))
    finally:
        process.kill()
        process.communicate()


def makes(target: str, where: str, *more: str) -> str:
    """What a command of make's prints about the level in that context, or at that URL; ``more`` are its variables."""
    place = f"URL={where}" if "://" in where else f"CONTEXT={where}"
    done = subprocess.run(
        ["make", target, place, f"PYTHON={sys.executable}", *more],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
