"""A script in place of Docker's client: it notes what it is asked and answers by a table."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.images import ContainerEngine

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ANSWERS", "FakeDocker", "make_client"]

ANSWERS = {
    "version": "20.10.24 20.10.24",
    "network": "23af38e386d9",
    "create": "c0ffee",
    "port": "127.0.0.1:49153\n[::1]:49153",
    "inspect": '{"Status": "running", "ExitCode": 0}',
    "run": '{"python": [[["Name", "msgspec"], ["Version", "0.22.0"], ["License", "BSD"]]], "models": [], '
    '"debian": [["libc6", "2.36", "amd64"]]}',
    "image": '[{"Id": "sha256:0123456789abcdef", "Created": "2026-11-28T10:00:00.123Z", "Size": 123456789, '
    '"Config": {"Labels": '
    '{"org.opencontainers.image.base.name": "python:3.11", "serving.base.stand-in": "debootstrap-bookworm"}}}]',
    "logs": "ready",
    "wait": "143",
}


@dataclass
class FakeDocker:
    """A ``docker`` that notes its arguments."""

    path: Path
    log: Path

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()

    @property
    def last_build(self) -> str:
        return [line for line in self.asked if line.startswith(("build ", "buildx build "))][-1]

    @property
    def engine(self) -> ContainerEngine:
        return ContainerEngine(str(self.path), "20.10.24", buildx=False)


def make_client(folder: Path, answers: dict[str, str] = ANSWERS, fails: tuple[str, ...] = ("buildx",)) -> FakeDocker:
    """A client in ``folder`` that answers each command with its text, and fails with it where ``fails`` names it."""
    folder.mkdir(parents=True, exist_ok=True)
    client = FakeDocker(folder / "docker", folder / "log")
    client.log.touch()
    cases = [
        f"{name}) printf '%s\\n' {shlex.quote(answers.get(name, ''))}; exit {int(name in fails)};;"
        for name in {*answers, *fails}
    ]
    lines = ["#!/bin/sh", f'echo "$*" >> {shlex.quote(str(client.log))}', 'case "$1" in', *cases, "esac"]
    client.path.write_text("\n".join(lines) + "\n")
    client.path.chmod(0o755)
    return client
