"""A learner's Dockerfile, built and started where Docker is, with a small server in place of the real one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.images import Container, ContainerEngine, EngineError, find_engine
from workbench.images.container import HARDENED
from workbench.images.recipe import python_image
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Sighting", "local_base", "see_in_docker"]

_SERVER = """import http.server, json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print(json.dumps({"uid": os.getuid()}), flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

http.server.HTTPServer(("", 8100), Handler).serve_forever()
"""
_CONTEXT = {"requirements.txt": "", "iris_api/__init__.py": "", "iris_api/__main__.py": _SERVER}
_BASE = re.compile(r"\b(?:[\w.-]+(?::\d+)?/)*[\w.-]+(?::[\w.-]+)?@sha256:[0-9a-f]{64}")
_BUILT_WITHIN_S, _HEALTHY_WITHIN_S, _STOPPED_WITHIN_S, _POLL_S = 150.0, 20.0, 8, 0.3


class Sighting(NamedTuple):
    """What was seen of an image.

    Attributes:
        trouble: why it was not built, did not start or never got healthy; empty when all went well.
        uid: whom the server ran as; -1 where it did not run.
        stopped: the container's exit code after SIGTERM; 137 means that it had to be killed.
    """

    trouble: str
    uid: int = -1
    stopped: int = -1


def local_base(engine: ContainerEngine) -> str | None:
    """A Python image that the engine has already; None where it would have to be fetched first."""
    pinned = python_image(ROOT)
    for name in (pinned, pinned.partition("@")[0], "python:3.11-slim", "python:3.11"):
        try:
            engine.run("image", "inspect", "--format={{.Id}}", name)
        except EngineError:
            continue
        return name
    return None


def see_in_docker(dockerfile: str) -> Sighting | None:
    """What comes of a Dockerfile for `iris_api`; None on a machine without Docker or without a Python image.

    Each base that is pinned by a digest becomes the one that is here. The folder that is built has an empty
    ``requirements.txt`` and an ``iris_api`` that answers ``/readyz`` and ends with 0 at SIGTERM. The container gets no
    rights, no network and a root file system that nobody can write to. Nothing of it stays.
    """
    try:
        engine = find_engine()
    except EngineError:
        return None
    base = local_base(engine)
    if base is None:
        return None
    name = f"exercise-{uuid.uuid4().hex[:12]}"
    try:
        with _built(engine, name, _BASE.sub(base, dockerfile)):
            return _started(engine, name)
    except EngineError as error:
        return Sighting(str(error))


@contextmanager
def _built(engine: ContainerEngine, name: str, dockerfile: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="exercise-") as folder:
        for file, text in {**_CONTEXT, "Dockerfile": dockerfile}.items():
            path = Path(folder, file)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        build = ("buildx", "build", "--load") if engine.buildx else ("build",)
        command = [engine.docker, *build, f"--tag={name}", *_network(engine), folder]
        settings = {**os.environ, "DOCKER_BUILDKIT": "1"}
        done = subprocess.run(
            command, env=settings, capture_output=True, text=True, timeout=_BUILT_WITHIN_S, check=False
        )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise EngineError(
            f"docker build, with iris_api/ and an empty requirements.txt: {said[-1] if said else 'failed'}"
        )
    try:
        yield
    finally:
        engine.run("image", "rm", "--force", name)


def _network(engine: ContainerEngine) -> list[str]:
    return [] if engine.has_bridge() else ["--network=host"]


def _started(engine: ContainerEngine, name: str) -> Sighting:
    with Container(engine, name, flags=(*HARDENED, "--tmpfs=/tmp", "--health-interval=1s"), isolated=True) as container:
        until = time.monotonic() + _HEALTHY_WITHIN_S
        while _health(state := container.state())["Status"] != "healthy":
            if not state["Running"] or time.monotonic() > until:
                return Sighting(_why(container, state))
            time.sleep(_POLL_S)
        uid = json.loads(container.logs().splitlines()[0])["uid"]
        return Sighting("", uid, container.stop(_STOPPED_WITHIN_S))


def _health(state: dict[str, Any]) -> dict[str, Any]:
    return state.get("Health") or {"Status": "none", "Log": []}


def _why(container: Container, state: dict[str, Any]) -> str:
    """Why a container is not healthy, in the words of the server or of its health check."""
    if not state["Running"]:
        last = container.logs().splitlines()[-1:] or ["without a word"]
        return f"the container ended with exit code {state['ExitCode']}: {last[0]}"
    probes = _health(state)["Log"] or [{"Output": "its health check was never asked"}]
    return f"not healthy within {_HEALTHY_WITHIN_S:g} s: {''.join(probes[-1]['Output'].strip().splitlines()[-1:])}"
