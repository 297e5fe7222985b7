"""The canary of a level without live traffic of its own: a second server with the challenger, under the SLA's load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from release.step import Result, StepError, Verdict
from workbench.processes import running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from release.step import Place
    from workbench.stack import Readiness

__all__ = ["Candidate", "Load", "judged", "under_load"]

_READY_S = 60
_RESULTS: dict[str, Result] = {"met": "passed", "broken": "failed"}
_FIGURES = ("rate_rps", "requests", "p50_ms", "p99_ms", "error_rate", "verdict", "reasons")


@dataclass(frozen=True)
class Candidate:
    """The server that is tried.

    Args:
        command: starts it.
        environment: of the server, and of the load, whose oracle is the same artefact's.
        ready: says when it answers.
        url: where.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    ready: Readiness
    url: str


@dataclass(frozen=True)
class Load:
    """What it is sent: an ``sla.toml``, with another rate or length where they are given."""

    path: Path
    options: Sequence[str] = field(default_factory=list)


def under_load(place: Place, candidate: Candidate, load: Load) -> Verdict:
    """Starts the candidate, sends it the load of the SLA, and judges it; ``sla`` and ``server.log`` are left.

    Raises:
        StepError: it does not come up.
    """
    with (
        (place.own / "server.log").open("wb") as log,
        running(candidate.command, candidate.environment, stdout=log, stderr=subprocess.STDOUT) as server,
    ):
        deadline = time.monotonic() + _READY_S
        while missing := candidate.ready.missing():
            if server.poll() is not None or time.monotonic() > deadline:
                raise StepError(f"candidate: {missing}: it did not come up: {place.own / 'server.log'} says why")
            time.sleep(0.1)
        return judged(place, candidate.url, load, candidate.environment)


def judged(place: Place, url: str, load: Load, environment: Mapping[str, str]) -> Verdict:
    """Sends a server the load of the SLA, and judges it; ``sla`` and ``load.log`` are left.

    Raises:
        StepError: the load could not be sent.
    """
    command = [sys.executable, "-m", "workbench.sla", "run", str(load.path), "--url", url]
    with (place.own / "load.log").open("wb") as log:
        done = subprocess.run(
            [*command, "--out", str(place.own / "sla"), *load.options],
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    found = list((place.own / "sla").glob("[0-9].json"))
    if not found:
        raise StepError(f"load: exit {done.returncode}: {place.own / 'load.log'} says why")
    return _verdict(json.loads(found[0].read_bytes()))


def _verdict(result: dict[str, Any]) -> Verdict:
    figures = {name: result[name] for name in _FIGURES}
    measured = f"{result['requests']:,} requests at {result['rate_rps']:g}/s: p99 {result['p99_ms']:.1f} ms"
    why = f": {result['reasons'][0]}" if result["verdict"] != "met" and result["reasons"] else ""
    summary = f"SLA {result['verdict']}: {measured}{why}"
    return Verdict(_RESULTS.get(result["verdict"], "undecided"), summary, {"summary": summary, **figures})
