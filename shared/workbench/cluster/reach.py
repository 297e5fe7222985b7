"""``python -m workbench.cluster.reach LEVEL NAME=SERVICE:PORT … -- COMMAND``: a command about a level in a cluster.

For as long as the command runs, kubectl forwards a free port of this machine to each Service, and the environment
variable NAME has that port. The first one is where the level answers, so ``URL`` has its address; ``REACHED_CONTEXT``
names the cluster. kubectl forwards to one pod, and ends when that pod goes or breaks a connection: a new one then takes
its place at the same port.

    python -m workbench.cluster.reach 1 IRIS_PORT=iris-api:8100 IRIS_GRPC_PORT=iris-api:8101 -- make client-1
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, NamedTuple

from workbench.cluster.shell import ClusterError
from workbench.cluster.target import choose
from workbench.manifests import ManifestError
from workbench.processes import running
from workbench.terminal import say
from workbench.versions import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import psutil

    from workbench.cluster.target import KubeContext
    from workbench.versions import Cluster

__all__ = ["Forward", "forwarded", "main", "reached", "reached_context"]

_WAIT_S, _LOOK_S, _AGAIN_S = 60.0, 0.02, 0.2
_REACHED = "REACHED_CONTEXT"
_FORWARD = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*)=(?P<service>[a-z0-9]([-a-z0-9]*[a-z0-9])?):(?P<port>[1-9][0-9]{0,4})")
_LISTENS = re.compile(r"^Forwarding from 127\.0\.0\.1:([0-9]+) ", re.MULTILINE)


class Forward(NamedTuple):
    """A Service's port, and the environment variable that says where it is on this machine."""

    name: str
    service: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Forward:
        """Reads ``NAME=SERVICE:PORT``.

        Raises:
            ClusterError: it is something else.
        """
        found = _FORWARD.fullmatch(text)
        if found is None:
            raise ClusterError(f"{text}: expected NAME=SERVICE:PORT, e.g. IRIS_PORT=iris-api:8100")
        return cls(found["name"], found["service"], int(found["port"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status, 2 with the reason on standard error, 130 after Ctrl-C."""
    try:
        level, forwards, command = _understood(list(sys.argv[1:] if arguments is None else arguments))
        with reached(level, forwards) as environment:
            return _run(command, environment)
    except (ClusterError, ManifestError, LookupError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:  # before the command began
        return 130


@contextmanager
def reached(level: Cluster, forwards: Sequence[Forward]) -> Iterator[dict[str, str]]:
    """Forwards the ports, and yields the environment for a command about the level; ends the forwarding after it.

    Raises:
        ClusterError: there is no cluster, or it has no such Service with a pod that runs.
    """
    target = choose(level)
    with ExitStack() as running:
        ports = {each.name: running.enter_context(forwarded(target, level.profile, each)) for each in forwards}
        listed = ", ".join(f"{each.service}:{each.port}" for each in forwards)
        say(f"context {target.context}, namespace {level.profile}: {listed}")
        url = f"http://127.0.0.1:{ports[forwards[0].name]}"
        yield {**os.environ, "URL": url, _REACHED: target.context, **{name: str(at) for name, at in ports.items()}}


def reached_context(environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns the context of the cluster whose ports are forwarded to this command; None where none are."""
    return environment.get(_REACHED) or None


@contextmanager
def forwarded(target: KubeContext, namespace: str, to: Forward) -> Iterator[int]:
    """Forwards a free port of this machine to a Service for as long as the block runs; yields the port.

    Raises:
        ClusterError: there is no such Service with a pod that runs.
    """
    command = [*target.kubectl(namespace), "port-forward", f"service/{to.service}"]
    # A file, because kubectl writes a line for each connection, and would stop at a full pipe that nobody reads.
    with tempfile.TemporaryFile() as said, _forwarding([*command, f":{to.port}"], said) as process:
        port = _local_port(process, said, f"service {to.service} in {target.context}, namespace {namespace}")
        over = Event()
        keeper = Thread(target=_keep, args=(process, [*command, f"{port}:{to.port}"], said, over), name="forwarding")
        keeper.start()
        try:
            yield port
        finally:
            over.set()
            keeper.join()


def _forwarding(command: Sequence[str], said: IO[bytes]) -> AbstractContextManager[psutil.Popen]:
    return running(command, {}, stdout=said, stderr=subprocess.STDOUT)


def _keep(first: psutil.Popen, command: Sequence[str], said: IO[bytes], over: Event) -> None:
    """Starts kubectl anew each time that it has ended."""
    while first.poll() is None:
        if over.wait(_AGAIN_S):
            return
    while not over.is_set():
        with _forwarding(command, said) as process:
            while process.poll() is None and not over.wait(_AGAIN_S):
                pass
        over.wait(_AGAIN_S)


def _local_port(process: psutil.Popen, said: IO[bytes], what: str) -> int:
    until = time.monotonic() + _WAIT_S
    while True:
        ended = process.poll() is not None
        text = os.pread(said.fileno(), 1 << 16, 0).decode(errors="replace")
        if found := _LISTENS.search(text):
            return int(found[1])
        if ended:
            raise ClusterError(f"{what}: {text.strip() or f'kubectl port-forward: exit {process.returncode}'}")
        if time.monotonic() > until:
            raise ClusterError(f"{what}: not reached within {_WAIT_S:g} s: {text.strip() or 'kubectl says nothing'}")
        time.sleep(_LOOK_S)


def _understood(words: list[str]) -> tuple[Cluster, list[Forward], list[str]]:
    before, command = words, []
    if "--" in words:
        before, command = words[: words.index("--")], words[words.index("--") + 1 :]
    number, forwards = before[:1], before[1:]
    if not (forwards and command and number[0].isdecimal()):
        raise ClusterError("expected LEVEL NAME=SERVICE:PORT … -- COMMAND")
    return cluster(int(number[0])), [Forward.parse(text) for text in forwards], command


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """The command's exit status. Ctrl-C is the command's to answer; its forwarding ends after it.

    A handler that does nothing keeps KeyboardInterrupt away: raised just when the command ends, it would lose the
    status, and what was interrupted would count as done. The command itself starts without the handler.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
