"""What is examined, and how a check says what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from servekit.loopback import client

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from workbench.cluster.target import KubeContext
    from workbench.stack import Stack

__all__ = [
    "PATIENCE_S",
    "Check",
    "ClusterPlace",
    "ClusterService",
    "Examined",
    "LevelExam",
    "NotJudgedError",
    "ShortfallError",
    "demand",
]

PATIENCE_S = 20.0
"""How long a level may take to answer again after a process was lost."""

_CALL_S = 10.0


class ShortfallError(Exception):
    """The level does not do what a criterion asks; the text is what was seen instead."""


class NotJudgedError(Exception):
    """A criterion cannot be judged here; the text says why. Its points leave the total."""


def demand(condition: object, otherwise: str) -> None:
    """Raises `ShortfallError` with that text unless the condition holds."""
    if not condition:
        raise ShortfallError(otherwise)


class ClusterService(NamedTuple):
    """What answers for a level in a cluster.

    Attributes:
        deployment: its name; empty where an operator or a chart makes several.
        service: the Service in front of it, and ``port`` of that.
        port: where the Service takes requests.
        labels: of a pod that may call it, where a NetworkPolicy asks for some.
    """

    deployment: str = ""
    service: str = ""
    port: int = 80
    labels: Mapping[str, str] = {}


@dataclass(frozen=True)
class ClusterPlace:
    """Where a level is in a cluster.

    Args:
        target: the cluster.
        namespace: the level's.
        served: what answers for it there.
    """

    target: KubeContext
    namespace: str
    served: ClusterService

    def __str__(self) -> str:
        return f"context {self.target.context}, namespace {self.namespace}"


@dataclass(frozen=True)
class Examined:
    """A running level as the checks see it.

    Args:
        level: its number.
        url: where clients reach it, without a slash at the end.
        stack: its processes, where it runs from this very folder; None for a level elsewhere.
        seed: of everything that is drawn, so that an exam can be taken again with the same questions.
        metrics: the addresses that its metrics are read from; for a level elsewhere ``url/metrics`` alone.
        facts: whatever else a level's checks need, by name.
        load_s: how long the load of the SLA lasts.
        load_runs: how many runs of that load may be judged; the best one counts.
        written_s: how long it may take until a line, a span or a record is in its file; spans are written each 5 s.
        patience_s: how long it may take to answer again after a process was lost.
        headers: sent with each request, such as a key.
        place: where it is in a cluster; None for a level that is not reached through a kubeconfig.
    """

    level: int
    url: str
    stack: Stack | None = None
    seed: int = 0
    metrics: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    load_s: float = 8.0
    load_runs: int = 3
    written_s: float = 6.0
    patience_s: float = PATIENCE_S
    headers: Mapping[str, str] = field(default_factory=dict)
    place: ClusterPlace | None = None

    @cached_property
    def http(self) -> httpx.Client:
        """A client of the level, which gives up a request after ten seconds."""
        return client(base_url=self.url, timeout=_CALL_S, headers=dict(self.headers))

    @property
    def processes(self) -> Stack:
        """The stack of a level that runs here.

        Raises:
            NotJudgedError: the level runs elsewhere.
        """
        if self.stack is None:
            raise NotJudgedError("the level runs elsewhere: its processes and files are not in reach")
        return self.stack

    @property
    def home(self) -> Path:
        """The run folder of a level that runs here; raises as `processes` does."""
        return self.processes.home

    @property
    def in_cluster(self) -> ClusterPlace:
        """Where the level is in a cluster.

        Raises:
            NotJudgedError: it is not reached through a kubeconfig.
        """
        if self.place is None:
            raise NotJudgedError("the level is not reached through a kubeconfig: name its cluster with CONTEXT=…")
        return self.place

    def draw(self, purpose: str) -> Random:
        """Random numbers of one check's own: another check draws the same ones whatever this one did."""
        return Random(f"{self.seed}/{purpose}")  # noqa: S311 - questions of an exam, no secrets


Check = Callable[[Examined], str]
"""Judges one criterion: returns what was seen, raises `ShortfallError` or `NotJudgedError`."""


@dataclass(frozen=True)
class LevelExam:
    """The exam of one level.

    Args:
        level: its number.
        package: of the level, whose ``commands.stack`` starts and stops it.
        code: the folders that answer requests; their digest is on the certificate.
        checks: by the criterion's id in the rubric, in the order in which they are made.
        here: the level that this folder started.
        elsewhere: the level at an address that ``URL`` names.
        served: what answers for the level in a cluster.
        in_cluster: checks that take the place of others where the level is in a cluster, by the same ids.
        enter: is shown the level before the exam begins, and raises a `ServingError` where it lets nobody in.
    """

    level: int
    package: str
    code: tuple[str, ...]
    checks: Mapping[str, Check]
    here: Callable[[int], Examined]
    elsewhere: Callable[[str, int], Examined]
    served: ClusterService = field(default_factory=ClusterService)
    in_cluster: Mapping[str, Check] = field(default_factory=dict)
    enter: Callable[[Examined], object] = lambda _: None
