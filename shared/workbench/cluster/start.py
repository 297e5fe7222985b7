"""``make cluster-up-N`` and ``cluster-down-N``: the level's own cluster, large enough, with what it needs in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from workbench.cluster.charts import charts_of, install_commands
from workbench.cluster.deploy import find_overlay, rendered
from workbench.cluster.needs import Amount, cluster_needs
from workbench.cluster.shell import ClusterError, kubectl, program, run
from workbench.manifests.documents import parse
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.versions import Cluster

__all__ = ["down", "up"]

_DRIVERS = ("minikube", "kind")


def up(level: Cluster, environment: Mapping[str, str] = os.environ) -> None:
    """Starts the level's cluster and installs what the level needs; leaves what is there already.

    Raises:
        ClusterError: a tool is missing, the cluster could not start, or a chart could not be installed.
    """
    overlay = find_overlay(level.level)
    documents = parse(rendered(level, overlay), str(overlay))
    needed = cluster_needs(documents, charts_of(level, optional=False))
    say(f"level {level.level} asks for {needed}, its operators and Kubernetes included; this machine has {_machine()}")
    context = _start(level, needed, _driver(environment))
    commands = install_commands(level, context, optional=False)
    for number, command in enumerate(commands, 1):
        say(f"[{number}/{len(commands)}] {command[3] if command[0] == 'helm' else command[-1]}")
        run([program("helm") if command[0] == "helm" else kubectl(), *command[1:]])
    say(f"context {context}: Kubernetes {level.version}; next: make deploy-{level.level}{_named(level, context)}")


def down(level: Cluster, environment: Mapping[str, str] = os.environ) -> None:
    """Deletes the level's own cluster and everything in it."""
    if _driver(environment) == "kind":
        run([program("kind"), "delete", "cluster", "--name", level.profile])
    else:
        run([program("minikube"), "delete", "--profile", level.profile])


def _driver(environment: Mapping[str, str]) -> str:
    driver = environment.get("DRIVER") or "minikube"
    if driver not in _DRIVERS:
        raise ClusterError(f"DRIVER={driver}: expected one of {', '.join(_DRIVERS)}")
    return driver


def _start(level: Cluster, needed: Amount, driver: str) -> str:
    """Starts the cluster unless it runs; returns its context."""
    tool, version = program(driver), f"v{level.version}"
    if driver == "minikube":
        size = ["--cpus", str(needed.cores), "--memory", f"{needed.mebibytes}mb"]
        run([tool, "start", "--profile", level.profile, "--kubernetes-version", version, *size])
        return level.profile
    there = run([tool, "get", "clusters"], check=False, quiet=True).stdout.split()
    if level.profile not in there:
        run(
            [tool, "create", "cluster", "--name", level.profile, "--image", f"kindest/node:{version}", "--wait", "180s"]
        )
    return f"kind-{level.profile}"


def _named(level: Cluster, context: str) -> str:
    return "" if context == level.profile else f" CONTEXT={context}"


def _machine() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{len(os.sched_getaffinity(0))} cores and {pages / 2**30:.1f} GiB"
