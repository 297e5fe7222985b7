"""Probes that say whether a process can do its work yet."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from servekit.http_ask import ask

__all__ = ["HttpReady", "Readiness", "TcpReady"]


class Readiness(Protocol):
    """A probe that can be asked again and again what a process still lacks."""

    def missing(self) -> str | None:
        """None when the process is ready, else what it still lacks, in a few words. Never raises."""
        ...


@dataclass(frozen=True)
class HttpReady:
    """Ready when GET `url` answers 2xx, all of it within the time limit."""

    url: str
    timeout_s: float = 2.0

    def missing(self) -> str | None:
        """As `Readiness.missing` says."""
        try:
            status = ask(self.url, self.timeout_s).status
        except OSError as error:
            return f"{self.url}: {_reason(error)}"
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        return f"{self.url}: HTTP {status}"


@dataclass(frozen=True)
class TcpReady:
    """Ready when the port accepts a connection."""

    port: int
    host: str = "127.0.0.1"
    timeout_s: float = 2.0

    def missing(self) -> str | None:
        """As `Readiness.missing` says."""
        try:
            socket.create_connection((self.host, self.port), timeout=self.timeout_s).close()
        except OSError as error:
            return f"port {self.port}: {_reason(error)}"
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer yet"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return type(error).__name__
