"""``sla.toml``: what is promised, to whom, and how it is put to the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Capacity", "Generator", "Server", "Sla", "Thresholds", "load_sla", "overridden"]

_FINITE = 1e9  # TOML has inf, and a rate or a duration without end makes a run without one
Positive = Annotated[float, msgspec.Meta(gt=0, le=_FINITE)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=_FINITE)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The server under load and how to be sure that it is the one.

    ``url`` left out is where ``make up-N`` started the level. ``identity_path`` must answer JSON that holds every pair
    of ``identity``; ``start`` is the command that a reader is told when nothing answers. ``key`` names the environment
    variable whose value is sent as ``x-api-key``, where it is set.
    """

    url: Annotated[str, msgspec.Meta(pattern=r"^http://[^/\s]+\Z")] = ""
    start: str
    identity_path: str = "/v2"
    identity: dict[str, str | int | bool | list[str]] = {}
    key: Annotated[str, msgspec.Meta(pattern=r"^([A-Z][A-Z0-9_]*)?\Z")] = ""


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The promise. Milliseconds are upper limits and count from the intended start; a limit left out is not judged.

    ``achieved_ratio`` is the least share of the offered requests that must be answered within the run,
    ``correct_ratio`` the least share of right answers among those checked.
    """

    p99_ms: Positive
    p50_ms: Positive | None = None
    p95_ms: Positive | None = None
    p999_ms: Positive | None = None
    error_rate: Share = 0.0
    achieved_ratio: Share = 0.95
    correct_ratio: Share = 1.0


class Generator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The load generator.

    Attributes:
        connections: most keep-alive connections a worker holds open.
        timeout_s: a request unanswered this long after its intended start is an error.
        workers: Locust processes; the rate is divided among them.
        check_ratio: share of the answers that is checked against the oracle.
        lag_p99_ms: the run is invalid when the generator itself sends later than this; half of ``p99_ms`` if unset.
        seed: makes arrivals and payloads repeatable; a repeated run and the probes of a search count on from it.
    """

    connections: Count = 256
    timeout_s: Positive = 5.0
    workers: Count = 1
    check_ratio: Share = 0.1
    lag_p99_ms: Positive | None = None
    seed: int = 1


class Capacity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the highest sustainable rate is searched.

    Each probe runs ``warmup_s + probe_s``; the search ends when the bracket is narrower than ``precision`` (a share
    of the rate), and the answer must pass ``repeats`` probes before it fails as many.
    """

    warmup_s: NotNegative = 1.0
    probe_s: Positive = 5.0
    max_rps: Positive = 20_000.0
    precision: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.05
    repeats: Count = 3


class Sla(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One level's service level agreement, as its ``sla.toml`` states it.

    A run of ``duration_s`` that is too close to tell is repeated once, for ``longest_s`` if that is longer.
    """

    level: int
    rate_rps: Positive
    duration_s: Positive
    longest_s: NotNegative = 60.0
    warmup_s: NotNegative = 2.0
    scenario: str
    server: Server
    mix: dict[str, Positive]
    thresholds: Thresholds
    generator: Generator = Generator()
    capacity: Capacity = Capacity()

    @property
    def lag_limit_ms(self) -> float:
        """The generator's own lag, at p99, above which a run says nothing about the server."""
        return self.generator.lag_p99_ms or self.thresholds.p99_ms / 2


def load_sla(path: Path) -> Sla:
    """Read and validate an ``sla.toml``.

    Raises:
        InvalidValueError: the file is absent, is not TOML, or a field is missing, unknown or out of range.
    """
    try:
        return _checked(str(path), msgspec.toml.decode(path.read_bytes()))
    except FileNotFoundError:
        raise InvalidValueError(str(path), None, "no such file, expected an sla.toml") from None
    except msgspec.DecodeError as problem:
        raise InvalidValueError(str(path), None, str(problem)) from None


def overridden(sla: Sla, **changes: Any) -> Sla:
    """The same SLA with other fields, held to the same rules as the file's; ``server__url`` is ``url`` in ``server``.

    Args:
        sla: as the file states it.
        changes: by the field's name; None leaves it as it is.

    Raises:
        InvalidValueError: a value that the file could not have either; the message is the file's.
    """
    fields = msgspec.to_builtins(sla)
    for name, value in changes.items():
        if value is not None:
            table, _, field = name.rpartition("__")
            (fields[table] if table else fields)[field] = value
    return _checked("arguments", fields)


def _checked(source: str, fields: Any) -> Sla:
    try:
        sla = msgspec.convert(fields, Sla)
    except msgspec.ValidationError as problem:
        raise InvalidValueError(source, None, str(problem)) from None
    if not sla.mix:
        raise InvalidValueError(f"{source}: mix", None, "is empty, expected at least one kind with its weight")
    if not sla.server.url:
        return sla
    try:
        parts = urlsplit(sla.server.url)
        sound = bool(parts.hostname) and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        sound = False
    if not sound:
        expectation = "expected http://host:port with a port from 1 to 65535 - at `$.server.url`"
        raise InvalidValueError(f"{source}: {sla.server.url}", None, expectation)
    return sla
