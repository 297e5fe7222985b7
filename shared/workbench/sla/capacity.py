"""The highest rate that still meets the SLA.

A search goes by the figures measured, not by what each proves: near the capacity every probe is too close to tell, and
one that asked each for proof would find less and scatter more. It makes up for that by its number of probes (how near
to the truth it comes, `workbench.sla.characteristics` simulates), and says how many requests at its answer were slow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import msgspec

from workbench.hardware import HardwareStamp, hardware_stamp
from workbench.sla.load import Window
from workbench.sla.run import attempt, command_line, reseeded
from workbench.sla.settings import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workbench.sla.load import Progress
    from workbench.sla.result import Limit, Result
    from workbench.sla.settings import Capacity, Sla

__all__ = ["CapacityResult", "Probe", "Search", "find_capacity", "point_verdict", "probe_of"]

Stopped = Literal["server", "generator", "max_rps", "none", "interrupted"]


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One rate, tried once.

    ``generator_cpu`` is the load processes' CPU use, 1.0 = one core; ``slow`` of its ``requests`` took longer than the
    p99 promised; ``verdict`` is ``met`` when each figure measured is within its limit.
    """

    rate_rps: float
    achieved_rps: float = 0.0
    goodput_rps: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    error_rate: float = 0.0
    lag_p99_ms: float = 0.0
    generator_cpu: float = 0.0
    requests: int = 0
    slow: int = 0
    verdict: str
    generator_saturated: bool = False
    noisy: bool = False


class CapacityResult(msgspec.Struct, frozen=True, kw_only=True):
    """``.run/sla/capacity-N.json``.

    Attributes:
        capacity_rps: the highest rate that met the SLA in ``confirmations`` probes; 0 when none did.
        failed_rps: the lowest rate above it that failed; ``None`` when none did.
        limit: what stopped the search: the ``server`` broke its SLA, the ``generator`` could send no more (the server's
            capacity is at least this), ``max_rps`` was reached, no rate passed (``none``), or Ctrl-C (``interrupted``).
        goodput_rps: answers per second without error and within the p99 limit at that rate (median of its probes).
        p99_ms: likewise.
        requests: of all probes at that rate.
        slow: of these, slower than the p99 promised.
    """

    level: int
    capacity_rps: float
    failed_rps: float | None
    limit: Stopped
    confirmations: int
    goodput_rps: float
    p99_ms: float
    requests: int = 0
    slow: int = 0
    thresholds: Thresholds
    mix: dict[str, float]
    target: str
    workers: int
    probes: list[Probe]
    hardware: HardwareStamp
    date: str
    command: str


class Search:
    """Doubling until a rate fails, bisection of the bracket, then repeats of the highest rate that passed.

    A rate fails when two probes of it in a row fail, so that one hiccup of the machine does not end the doubling
    early; the answer must meet the SLA in ``repeats`` probes before it fails in as many.
    """

    def __init__(self, settings: Capacity, probe: Callable[[float], Probe]) -> None:
        self._settings = settings
        self._measure = probe
        self.probes: list[Probe] = []
        self.low = 0.0
        self.high = math.inf

    def run(self, start_rps: float) -> None:
        """Search from a rate that is expected to pass; ``low`` and ``high`` are then the bracket."""
        self._bracket(min(start_rps, self._settings.max_rps))
        self._bisect()
        self._confirm()

    @property
    def failed(self) -> list[Probe]:
        """The probes that broke the SLA at the lowest such rate above the highest that passed."""
        above = [probe for probe in self.probes if probe.verdict != "met" and probe.rate_rps > self.low]
        lowest = min((probe.rate_rps for probe in above), default=math.inf)
        return [probe for probe in above if probe.rate_rps == lowest]

    def passes_at(self, rate_rps: float) -> list[Probe]:
        """The probes of a rate that met the SLA."""
        return [probe for probe in self.probes if probe.rate_rps == rate_rps and probe.verdict == "met"]

    def _bracket(self, rate: float) -> None:
        while rate >= 1 and not self._passes(rate):
            rate /= 2
        while self.low and self.high == math.inf and self.low < self._settings.max_rps:
            self._passes(min(self.low * 2, self._settings.max_rps))

    def _bisect(self) -> None:
        while self.low and math.inf > self.high > self.low * (1 + self._settings.precision):
            self._passes(float(round(math.sqrt(self.low * self.high), 1)))

    def _confirm(self) -> None:
        step = 1 + self._settings.precision
        while self.low and not self._holds(self.low):
            self.low = round(self.low / step, 1) if self.low > 1 else 0.0
            step *= step

    def _holds(self, rate: float) -> bool:
        while len(self.passes_at(rate)) < self._settings.repeats:
            self._passes(rate)
            if self._failures_at(rate) >= self._settings.repeats:
                return False
        return True

    def _failures_at(self, rate: float) -> int:
        return sum(probe.rate_rps == rate and probe.verdict != "met" for probe in self.probes)

    def _passes(self, rate: float) -> bool:
        for _ in range(2):
            probe = self._measure(rate)
            self.probes.append(probe)
            if probe.verdict == "met":
                self.low = max(self.low, rate)
                return True
        self.high = min(self.high, rate)
        return False


def find_capacity(
    path: Path, sla: Sla, folder: Path, progress: Progress, tell: Callable[[Probe], None] = lambda _: None
) -> CapacityResult:
    """Search the highest rate at which the server keeps every threshold of its SLA; Ctrl-C ends it early.

    Each probe is told when it is judged: a search takes minutes.

    Raises:
        NotReadyError: nothing answers, or another server does.
    """

    def probe(rate_rps: float) -> Probe:
        window = Window(rate_rps, sla.capacity.warmup_s, sla.capacity.probe_s)
        result, load = attempt(path, reseeded(sla, len(search.probes)), window, folder, progress)
        if load.interrupted:
            raise KeyboardInterrupt
        probed = probe_of(result)
        tell(probed)
        return probed

    search = Search(sla.capacity, probe)
    interrupted = False
    try:
        search.run(sla.rate_rps)
    except KeyboardInterrupt:
        interrupted = True
    return _result(sla, search, interrupted=interrupted)


def _result(sla: Sla, search: Search, *, interrupted: bool) -> CapacityResult:
    passed = search.passes_at(search.low)
    there = [probe for probe in search.probes if probe.rate_rps == search.low]
    stamp = hardware_stamp()
    return CapacityResult(
        level=sla.level,
        capacity_rps=search.low,
        failed_rps=search.failed[0].rate_rps if search.failed else None,
        limit="interrupted" if interrupted else _limit(search),
        confirmations=len(passed),
        goodput_rps=_median([probe.goodput_rps for probe in passed]),
        p99_ms=_median([probe.p99_ms for probe in passed]),
        requests=sum(probe.requests for probe in there),
        slow=sum(probe.slow for probe in there),
        thresholds=sla.thresholds,
        mix=sla.mix,
        target=sla.server.url,
        workers=sla.generator.workers,
        probes=search.probes,
        hardware=stamp,
        date=stamp["date"],
        command=command_line(),
    )


def probe_of(result: Result) -> Probe:
    """What a search takes from a judged run."""
    return Probe(
        rate_rps=result.rate_rps,
        achieved_rps=result.achieved_rps,
        goodput_rps=result.goodput_rps,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        error_rate=result.error_rate,
        lag_p99_ms=result.lag_p99_ms,
        generator_cpu=result.host.generator_cpu,
        requests=result.requests,
        slow=result.p99.hits or 0 if result.p99 else 0,
        verdict=result.verdict if result.verdict == "invalid" else point_verdict(result.limits),
        generator_saturated=result.generator_saturated,
        noisy=result.host.noisy,
    )


def point_verdict(limits: Sequence[Limit]) -> Literal["met", "broken"]:
    """Whether each figure measured is within its limit, whatever it proves."""
    return "met" if all(limit.kept for limit in limits) else "broken"


def _limit(search: Search) -> Stopped:
    if not search.low:
        return "none"
    if not search.failed:
        return "max_rps"
    return "generator" if all(probe.generator_saturated for probe in search.failed) else "server"


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
