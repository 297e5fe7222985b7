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
from workbench.cluster.deploy import deploy, find_overlay, undeploy
from workbench.manifests import find_kubectl
from workbench.versions import ROOT, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SPACE", "Load", "deployed", "makes", "under_load"]

SPACE = "probe-load"
"""The namespace of the pod that sends requests."""

_SCRIPT = Path(__file__).with_name("load.py").read_text(encoding="utf-8")


class Load(NamedTuple):
    """Where requests go, what they say, how many a second, and for how long."""

    url: str
    body: str
    rate: int
    seconds: int

    @property
    def requests(self) -> int:
        """How many that makes."""
        return self.rate * self.seconds


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
def under_load(load: Load) -> Iterator[dict[str, object]]:
    """Requests at a constant rate while something is done; what became of them is in the dictionary afterwards."""
    words = ["python3", "-I", "-c", _SCRIPT, load.url, load.body, str(load.rate), str(load.seconds)]
    process = subprocess.Popen(
        [find_kubectl(), "--namespace", SPACE, "exec", "load", "--", *words], stdout=subprocess.PIPE, text=True
    )
    found: dict[str, object] = {}
    try:
        yield found
        found.update(json.loads(process.communicate(timeout=10 * load.seconds)[0]))
    finally:
        process.kill()
        process.communicate()


def makes(target: str, context: str) -> str:
    """What a command of make's prints about the level in that cluster."""
    done = subprocess.run(
        ["make", target, f"CONTEXT={context}", f"PYTHON={sys.executable}"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
