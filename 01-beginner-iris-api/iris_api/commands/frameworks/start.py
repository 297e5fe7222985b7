"""Starts a framework's server on its core, and waits for its first right answer."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import msgspec

from iris_api.commands.frameworks.exchange import WrongAnswerError, beginnings, check, requests_for
from iris_api.commands.frameworks.place import PlaceError, environment_of
from servekit.loopback import client
from workbench.bench import Contender, Peer, free_ports
from workbench.processes import running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack

    import psutil

    from iris_api.commands.frameworks.field import Framework
    from iris_api.training.golden import Golden
    from workbench.load import Request

__all__ = ["ALIKE", "Started", "command_of", "start"]

ALIKE = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}  # fmt: skip
"""Every server's variables: one thread for its arithmetic, and no word to its makers."""

_READY_WITHIN_S = 180
_OK = 200


class Started(NamedTuple):
    """A server that answers; ``grpc_port`` is where it would listen for gRPC, ``seconds`` what its start took."""

    framework: Framework
    contender: Contender
    grpc_port: int
    seconds: float


def start(framework: Framework, stack: ExitStack, known: Mapping[str, str], golden: Golden) -> Started:
    """Starts the server and checks its answers to all flowers; the stack stops it.

    Raises:
        PlaceError: it does not start, or does not answer as scikit-learn does.
    """
    port, grpc_port, *others = free_ports(5)
    further = dict(zip(("third", "fourth", "fifth"), map(str, others), strict=True))
    names = {**known, "port": str(port), "grpc": str(grpc_port), **further}
    command, variables = command_of(framework, names), filled(framework, names)
    work = Path(names["work"])
    if framework.prepare:
        _prepare([each.format_map(_all(framework, names)) for each in framework.prepare], variables)
    began = time.monotonic()
    log = stack.enter_context((work / "log").open("wb"))
    process = stack.enter_context(running(command, variables, stdout=log, stderr=subprocess.STDOUT))
    token = framework.token and Path(framework.token.format_map(_all(framework, names)))
    with client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
        requests = _wait(framework, http, lambda: _requests(framework, golden, token), process, work / "log")
        seconds = time.monotonic() - began
        expected = _expected(framework, http, requests, golden)
    peer = Peer(framework.name, command, port, variables)
    return Started(framework, Contender(peer, process, requests, expected), grpc_port, seconds)


def command_of(framework: Framework, names: Mapping[str, str]) -> list[str]:
    """The command with its names filled in."""
    return [word.format_map(_all(framework, names)) for word in framework.command]


def filled(framework: Framework, names: Mapping[str, str]) -> dict[str, str]:
    """The variables of its process, besides those that it inherits."""
    path = f"{environment_of(framework) / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    own = {name: value.format_map(_all(framework, names)) for name, value in framework.variables.items()}
    return {**ALIKE, "PATH": path, "IRIS_ONNX": names["onnx"], "TMPDIR": names["work"], **own}


def _all(framework: Framework, names: Mapping[str, str]) -> dict[str, str]:
    programs = environment_of(framework) / "bin"
    return {**names, "bin": str(programs), "python": str(programs / "python")}


def _prepare(command: Sequence[str], variables: Mapping[str, str]) -> None:
    done = subprocess.run(command, env={**os.environ, **variables}, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PlaceError(f"{Path(command[-1]).name} fails: {' '.join(done.stderr.split())[-300:]}")


def _requests(framework: Framework, golden: Golden, token: Path | str) -> list[Request]:
    """What it will be asked; a server that wants a token writes it while it starts."""
    given = msgspec.json.decode(token.read_bytes())["inference"]["key"] if isinstance(token, Path) else ""
    return requests_for(framework.form, framework.path, golden, given)


def _wait(
    framework: Framework,
    http: httpx.Client,
    requests: Callable[[], list[Request]],
    process: psutil.Popen,
    log: Path,
) -> list[Request]:
    """The requests, as soon as the first of them is answered."""
    deadline, last = time.monotonic() + _READY_WITHIN_S, "nothing"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PlaceError(f"it exited with {process.returncode} before it was ready: {_end_of(log)}")
        try:
            asked = requests()
            answer = _ask(http, asked[0])
        except (httpx.HTTPError, OSError, msgspec.DecodeError) as error:
            last = str(error)
        else:
            if answer.status_code == _OK:
                return asked
            last = f"{answer.status_code} {answer.text[:200]}"
        time.sleep(0.05)
    raise PlaceError(f"{framework.path} was not answered within {_READY_WITHIN_S} s, last with {last}: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return " ".join(log.read_text(encoding="utf-8", errors="replace").split())[-300:]


def _ask(http: httpx.Client, request: Request) -> httpx.Response:
    return http.post(request.path, content=request.body, headers=dict(request.headers))


def _expected(framework: Framework, http: httpx.Client, requests: Sequence[Request], golden: Golden) -> list[bytes]:
    try:
        first, second = ([_ask(http, each).raise_for_status().content for each in requests] for _ in range(2))
        check(framework.form, first, golden)
    except (httpx.HTTPError, WrongAnswerError) as error:
        raise PlaceError(str(error)) from None
    return beginnings(first, second)
