"""A container, run the way a hardened cluster would."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from workbench.images.engine import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from workbench.images.engine import ContainerEngine

__all__ = ["HARDENED", "Container"]

HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=256", "--memory=256m")


@dataclass
class Container:
    """One container of an image, started on entering the ``with`` block and removed on leaving it, whatever happened.

    Args:
        engine: the engine that runs it.
        image: what to run.
        ports: the environment variable that names each port, and the port the image listens on. Where the engine
            has a bridge, it is published on a free one of this machine; else the variable moves the service to it.
        environment: further settings.
        mounts: files and folders of this machine, and where the container sees them, read-only.
        command: what follows the image's entry point.
        flags: options of ``docker run``; by default a read-only root, no capability, no new privilege, 256 MiB.
        isolated: without a network; nothing reaches its ports but a command run inside.
    """

    engine: ContainerEngine
    image: str
    ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[Path, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    flags: tuple[str, ...] = HARDENED
    isolated: bool = False
    id: str = field(default="", init=False)
    addresses: dict[str, str] = field(default_factory=dict, init=False)
    """``host:port`` at which this machine reaches each of ``ports``, by variable; empty where it has ended at once."""

    def __enter__(self) -> Self:
        bridged = not self.isolated and self.engine.has_bridge()
        network = ["--network=none"] if self.isolated else self._published() if bridged else self._moved()
        self.id = self.engine.run("create", *network, *self._options(), self.image, *self.command).splitlines()[-1]
        try:
            self.engine.run("start", self.id)
            if bridged:
                self.addresses = self._mapped()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def state(self) -> dict[str, Any]:
        """The engine's view: ``Status``, ``ExitCode``, ``OOMKilled``, ``Health`` and more."""
        state: dict[str, Any] = json.loads(self.engine.run("inspect", "--format={{json .State}}", self.id))
        return state

    def logs(self) -> str:
        """The service's output so far, both streams."""
        return self.engine.run("logs", self.id)

    def execute(self, *command: str) -> str:
        """The output of a command run inside, as the container's own user."""
        return self.engine.run("exec", self.id, *command)

    def stop(self, grace_s: int = 30) -> int:
        """The exit code after the stop signal; the engine kills after ``grace_s`` seconds, which gives 137."""
        self.engine.run("stop", f"--time={grace_s}", self.id, timeout_s=grace_s + 60)
        return self.wait()

    def wait(self, timeout_s: float = 60) -> int:
        """The exit code, once the service has ended by itself."""
        return int(self.engine.run("wait", self.id, timeout_s=timeout_s).splitlines()[-1])

    def _options(self) -> list[str]:
        settings = [f"--env={name}={value}" for name, value in self.environment.items()]
        return [*self.flags, *settings, *(f"--volume={source}:{target}:ro" for source, target in self.mounts.items())]

    def _published(self) -> list[str]:
        return [f"--publish=127.0.0.1::{port}" for port in self.ports.values()]

    def _moved(self) -> list[str]:
        free = {name: _free_port() for name in self.ports}
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in free.items()}
        return ["--network=host", *(f"--env={name}={port}" for name, port in free.items())]

    def _mapped(self) -> dict[str, str]:
        try:
            return {name: self._address(port) for name, port in self.ports.items()}
        except EngineError:
            if self.state()["Running"]:
                raise
            return {}  # it has ended already, and its ports with it

    def _address(self, port: int) -> str:
        return self.engine.run("port", self.id, f"{port}/tcp").splitlines()[0]

    def _remove(self) -> None:
        self.engine.run("rm", "--force", "--volumes", self.id)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
