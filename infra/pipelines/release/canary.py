"""The canary of a level without live traffic of its own: a second server with the challenger, under the SLA's load."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from release.step import Result, StepError, Verdict
from workbench.arguments import positive
from workbench.processes import running

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from release.step import Place
    from workbench.stack import Readiness

__all__ = ["Candidate", "Promise", "add_promise", "judged", "under_load"]

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


class Promise(msgspec.Struct, frozen=True):
    """What a canary is held to.

    Attributes:
        sla: the ``sla.toml``.
        sha256: its digest.
        rate_rps: that the canary is sent; None: as the file says.
        duration_s: for so long; None: likewise.
    """

    sla: str
    sha256: str
    rate_rps: float | None = None
    duration_s: float | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        """What the options of `add_promise` say.

        Raises:
            StepError: the file cannot be read.
        """
        path: Path = options.sla
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise StepError(f"--sla {path}: {error.strerror}: name an sla.toml") from None
        return cls(str(path.resolve()), sha256, options.rate, options.duration)

    @property
    def words(self) -> list[str]:
        """For the command line of ``workbench.sla``."""
        given = {"--rate": self.rate_rps, "--duration": self.duration_s}
        return [self.sla, *(word for name, value in given.items() if value for word in (name, f"{value:g}"))]


def add_promise(parser: argparse.ArgumentParser, sla: Path) -> None:
    """Adds the options that change what a canary is held to."""
    parser.add_argument("--sla", type=Path, default=sla, help="the promise that the canary is held to (the level's)")
    parser.add_argument("--rate", type=positive, help="requests a second to the canary (as sla.toml says)")
    parser.add_argument("--duration", type=positive, help="for so many seconds (as sla.toml says)")


def under_load(place: Place, candidate: Candidate, promise: Promise) -> Verdict:
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
        return judged(place, candidate.url, promise, candidate.environment)


def judged(place: Place, url: str, promise: Promise, environment: Mapping[str, str]) -> Verdict:
    """Sends a server the load of the SLA, and judges it; ``sla`` and ``load.log`` are left.

    Raises:
        StepError: the load could not be sent.
    """
    command = [sys.executable, "-m", "workbench.sla", "run", *promise.words, "--url", url]
    with (place.own / "load.log").open("wb") as log:
        done = subprocess.run(
            [*command, "--out", str(place.own / "sla")],
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
