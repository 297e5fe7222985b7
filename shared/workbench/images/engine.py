"""A Docker engine and a client that can build with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ContainerEngine", "EngineError", "find_engine"]

_BUILDX_ONLY = 23  # from this major version on, the client builds through its buildx plugin or not at all
_REMEDY = "install or start one as infra/docker/README.md says, or name a client with DOCKER=/path/to/docker"


class EngineError(RuntimeError):
    """There is no usable Docker, or a command of it failed; the message says which, why and the remedy."""


@dataclass(frozen=True)
class ContainerEngine:
    """An engine that answers, and the client that talks to it.

    Args:
        docker: path of the client.
        version: the engine's version.
        buildx: builds go through the buildx plugin; otherwise BuildKit is part of the client (Docker < 23).
    """

    docker: str
    version: str
    buildx: bool

    def run(self, *arguments: str, timeout_s: float = 120) -> str:
        """The output of ``docker ARGUMENTS``, standard error included, stripped.

        Raises:
            EngineError: the command failed, with its own last line, or took longer than ``timeout_s``.
        """
        done = _call(self.docker, arguments, timeout_s)
        if done.returncode:
            raise EngineError(f"docker {arguments[0]}: exit code {done.returncode}: {_last_line(done.stdout)}")
        return done.stdout.strip()

    def has_bridge(self) -> bool:
        """Whether containers get a network of their own; with ``--bridge=none`` there is only the host's."""
        return bool(self.run("network", "ls", "--quiet", "--filter", "driver=bridge"))


def find_engine(environment: Mapping[str, str] = os.environ) -> ContainerEngine:
    """The first client in ``DOCKER``, or else on ``PATH``, whose engine answers and that can build with BuildKit.

    Looking past the first one matters: a newer client without its buildx plugin may hide the distribution's whole one.

    Raises:
        EngineError: none does, with the reason for each client that was tried.
    """
    reasons: dict[str, list[str]] = {}
    for docker in _clients(environment):
        found = _try(docker)
        if isinstance(found, ContainerEngine):
            return found
        reasons.setdefault(found, []).append(docker)
    tried = "; ".join(f"{', '.join(clients)}: {reason}" for reason, clients in reasons.items())
    raise EngineError(f"Docker: {tried or 'no docker on PATH'}: {_REMEDY}")


def _clients(environment: Mapping[str, str]) -> list[str]:
    if named := environment.get("DOCKER"):
        return [named]
    found: dict[str, str] = {}
    for folder in environment.get("PATH", "").split(os.pathsep):
        if path := shutil.which("docker", path=folder):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _try(docker: str) -> ContainerEngine | str:
    """An engine, or the reason why this client gives none."""
    try:
        answer = _call(docker, ("version", "--format", "{{.Client.Version}} {{.Server.Version}}"), timeout_s=30)
        buildx = _call(docker, ("buildx", "version"), timeout_s=30).returncode == 0
    except (EngineError, OSError) as failure:
        return str(failure)
    if answer.returncode:
        return _last_line(answer.stdout)
    client, server = _last_line(answer.stdout).split()
    if not buildx and int(client.split(".")[0]) >= _BUILDX_ONLY:
        return f"version {client} lacks the buildx plugin, without which it cannot build"
    return ContainerEngine(docker, server, buildx)


def _call(docker: str, arguments: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """The finished command, standard error within standard output."""
    command = [docker, *arguments]
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"docker {arguments[0]}: no answer within {timeout_s:g} s") from None


def _last_line(output: str) -> str:
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
