"""The specification of a level: its processes, their ports, and their readiness."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workbench.stack.readiness import Readiness

__all__ = ["Process", "Stack", "StackError"]

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class StackError(Exception):
    """An error of a stack with its remedy, as one sentence for a terminal."""


@dataclass(frozen=True)
class Process:
    """One process of a level.

    Args:
        name: lower case letters, digits and dashes; names the log file too.
        command: program and arguments; a program without a slash is found on PATH.
        ready: the probe that says when the process can do its work.
        ports: what each port the process listens on is for, e.g. ``{"http": 8100}``; all on 127.0.0.1.
        environment: variables added to those of the caller.
        inherits: names of the caller's variables that it gets besides the usual ones (`workbench.environment`), where
            ``*`` at the end stands for the rest of a name; None: all of them.
        stop_wait_s: seconds between SIGTERM and SIGKILL.
        retries: how often it may end before it is ready and be started again, for a program that is known to fail at
            its start now and then; 0: `up` gives up at once.

    Raises:
        ValueError: a name, a variable's name or the command is not usable.
    """

    name: str
    command: Sequence[str]
    ready: Readiness
    ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    inherits: Sequence[str] | None = None
    stop_wait_s: int = 15
    retries: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"process {self.name!r}: expected lower case letters, digits and dashes")
        if isinstance(self.command, str) or not self.command:
            raise ValueError(f"command {self.command!r} of {self.name}: expected a program and its arguments as a list")
        for variable in self.environment:
            if not _VARIABLE.fullmatch(variable):
                raise ValueError(f"environment {variable!r} of {self.name}: expected letters, digits and underscores")


@dataclass(frozen=True)
class Stack:
    """The processes of a level; they start together and stop one by one, the last first.

    Args:
        level: the number in ``make up-N``; a name for what is no level, e.g. ``observe``.
        processes: in the order of their dependence, e.g. a cache before the gateway that calls it.
        run_dir: where configuration, pid file, socket and logs lie; one stack each.
        ready_timeout_s: how long `up` waits until all processes are ready.
        entrypoint: the process whose ``http`` port the level's clients use; None for what is no level.
        metrics: the process whose ``http`` port has the level's own metrics, if it is not the entrypoint.
        prefix: that the environment variables with the level's settings share.
        scrape: for each job of Prometheus the ports of this stack that it scrapes.
        hosts: the address of each listener that settings can change, by the setting's name.
        keys: the setting with which clients are asked for keys, if there is one.
        guarded: whether they are.

    Raises:
        ValueError: two processes share a name or a port.
    """

    level: int | str
    processes: Sequence[Process]
    run_dir: Path
    ready_timeout_s: float = 60.0
    entrypoint: str | None = None
    metrics: str | None = None
    prefix: str = ""
    scrape: Mapping[str, Sequence[int]] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    keys: str = ""
    guarded: bool = False

    def __post_init__(self) -> None:
        names = [process.name for process in self.processes]
        ports = [str(port) for process in self.processes for port in process.ports.values()]
        for thing, values in (("process", names), ("port", ports)):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{thing} {', '.join(twice)}: declared twice in {self.title}")

    @property
    def title(self) -> str:
        """What messages call it: ``level 1``, or its name."""
        return f"level {self.level}" if isinstance(self.level, int) else self.level

    @property
    def home(self) -> Path:
        """`run_dir`, absolute, without symbolic links: what identifies this stack on this machine."""
        return self.run_dir.resolve()

    @property
    def pid_file(self) -> Path:
        """The file with supervisord's process id."""
        return self.home / "supervisord.pid"

    @property
    def config_file(self) -> Path:
        """The generated configuration of supervisord."""
        return self.home / "supervisord.conf"

    @property
    def daemon_log(self) -> Path:
        """The log of supervisord itself: spawned, exited, gave up."""
        return self.home / "supervisord.log"

    @property
    def log_dir(self) -> Path:
        """The folder of the processes' logs."""
        return self.home / "logs"

    @property
    def is_up(self) -> bool:
        """Whether `up` started it and nothing stopped it since, as its pid file says."""
        return self.pid_file.exists()

    def log_file(self, name: str) -> Path:
        """The file with the standard output and error of a process."""
        return self.log_dir / f"{name}.log"
