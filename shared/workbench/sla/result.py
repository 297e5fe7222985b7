"""The outcome of a run: what was measured, what was promised, and the verdict."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Literal

import msgspec

from workbench.hardware import HardwareStamp
from workbench.sla.recorder import Checked
from workbench.sla.settings import Thresholds

__all__ = [
    "ClosedLoop",
    "Endpoint",
    "ExitCode",
    "Host",
    "Judged",
    "Limit",
    "Result",
    "Verdict",
]

Verdict = Literal["met", "broken", "too_close", "invalid", "interrupted"]
Standing = Literal["kept", "so_far", "close", "broken"]


class ExitCode(IntEnum):
    """What the shell learns."""

    MET = 0
    BROKEN = 1
    INVALID = 2
    TOO_CLOSE = 3
    INTERRUPTED = 130  # the shell's own convention: 128 + SIGINT


class Limit(msgspec.Struct, frozen=True):
    """One threshold beside what was measured.

    Attributes:
        kept: whether the measured figure is within the limit.
        standing: what that proves. ``kept`` and ``broken`` are sure; ``so_far``: no request was seen that counts
            against the promise, and the run was too short to prove it even so; ``close``: another run might say
            otherwise.
        hits: requests that count against the promise: slower than the limit, failed, or wrong. None for
            ``achieved_ratio``, which is this run's own throughput and no estimate of anything.
        of: among how many.
        low: the least that the figure may be in truth, in its own unit, with 95 % confidence.
        high: the most, likewise; None when too few requests were made to say.
        needed_s: about how long a run would tell, going on like this one; None when it is told, or takes over an hour.
    """

    name: str
    measured: float
    limit: float
    kept: bool
    standing: Standing
    hits: int | None = None
    of: int | None = None
    low: float | None = None
    high: float | None = None
    needed_s: int | None = None


class ClosedLoop(msgspec.Struct, frozen=True):
    """What a closed-loop test with ``users`` users would have reported of this very run, and what it would have missed.

    ``omitted`` is the share of the requests it would never have sent, because all its users were still waiting.
    """

    users: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    p999_ms: float = 0.0
    omitted: float = 0.0

    @property
    def users_text(self) -> str:
        """The users in words."""
        return f"{self.users} user" if self.users == 1 else f"{self.users} users"


class Endpoint(msgspec.Struct, frozen=True):
    """One kind of the mix."""

    name: str
    requests: int
    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    error_rate: float
    mean_bytes: float


class Host(msgspec.Struct, frozen=True):
    """How busy the machine was during the run.

    ``steal`` is the share of the CPU time that the hypervisor gave to others; ``run_queue`` is the number of runnable
    processes (mean and highest of samples every 0.1 s); ``generator_cpu`` the load processes' CPU use, 1.0 = one core.
    """

    steal: float = 0.0
    run_queue: float = 0.0
    run_queue_max: int = 0
    cores: int = 1
    generator_cpu: float = 0.0
    noisy: bool = False


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What the samples say, before anything is known about the machine."""

    requests: int = 0
    offered_rps: float = 0.0
    achieved_rps: float = 0.0
    goodput_rps: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    p999_ms: float = 0.0
    max_ms: float = 0.0
    error_rate: float = 0.0
    errors: dict[str, int] = {}
    lag_p50_ms: float = 0.0
    lag_p99_ms: float = 0.0
    generator_saturated: bool = False
    limits: list[Limit] = []
    closed_loop: ClosedLoop = ClosedLoop()
    endpoints: list[Endpoint] = []
    correctness: Checked = msgspec.field(default_factory=Checked)
    verdict: Verdict = "invalid"
    reasons: list[str] = []

    @property
    def exit_code(self) -> ExitCode:
        """0 met, 1 broken, 2 invalid, 3 too close to tell, 130 interrupted."""
        return ExitCode[self.verdict.upper()]

    @property
    def p99(self) -> Limit | None:
        """What is known of the promised p99; None when no request was judged."""
        return next((limit for limit in self.limits if limit.name == "p99_ms"), None)


class Result(Judged, frozen=True, kw_only=True):
    """``.run/sla/N.json``: a judged run, where and how it was taken.

    ``repeated`` is true when a first attempt was too close to tell, or failed on a visibly noisy machine;
    ``first_attempt`` is its p99, verdict, reasons and length.
    """

    level: int
    rate_rps: float
    duration_s: float
    warmup_s: float
    workers: int
    seed: int
    mix: dict[str, float]
    thresholds: Thresholds
    target: str
    server: dict[str, Any] = {}
    host: Host = Host()
    repeated: bool = False
    first_attempt: dict[str, Any] | None = None
    hardware: HardwareStamp
    date: str
    command: str
