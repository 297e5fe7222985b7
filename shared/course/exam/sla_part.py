"""The part of an exam that sends load: the level's own SLA, in a short run of open-loop load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from course.exam.examined import NotJudgedError, ShortfallError
from workbench.sla.load import Window
from workbench.sla.run import attempt, reseeded
from workbench.sla.settings import load_sla, overridden

if TYPE_CHECKING:
    from collections.abc import Sequence

    from course.exam.examined import Examined
    from workbench.sla.result import Limit, Result
    from workbench.sla.samples import Samples
    from workbench.sla.settings import Sla

__all__ = ["keep_sla"]

_JUDGED: Final = ("p99_ms", "error_rate", "achieved_ratio")
"""The limits that count here. Whether answers are right is a criterion of its own."""

_TRIES: Final = 3


class _Quiet:
    """Shows nothing of a run: the exam shows its own progress."""

    def update(self, window: Window, samples: Samples) -> None:
        """Takes note of nothing."""


def keep_sla(examined: Examined, path: Path) -> str:
    """Sends the rate that ``sla.toml`` states, and holds p99, errors and throughput against its limits.

    The best of three runs counts: a neighbour on the machine may spoil one, and no luck makes a slow level fast.

    Raises:
        NotJudgedError: the generator itself was late in each run, or the address takes TLS, which the load does not.
        ShortfallError: a limit was broken in each run.
    """
    if not examined.url.startswith("http:"):
        raise NotJudgedError(f"{examined.url}: the load is sent without TLS")
    sla = overridden(load_sla(path), server__url=examined.url, generator__check_ratio=0.0)
    window = Window(sla.rate_rps, min(sla.warmup_s, examined.load_s), examined.load_s)
    results: list[Result] = []
    for turn in range(_TRIES):
        result, load = attempt(path, _fresh(sla, examined, turn), window, Path(f".run/exam/sla-{sla.level}"), _Quiet())
        if load.interrupted:
            raise KeyboardInterrupt
        if result.verdict != "invalid" and not _broken(result.limits):
            return f"{_figures(result)} (promised {sla.thresholds.p99_ms:g} ms)"
        results.append(result)
    judged = [each for each in results if each.verdict != "invalid"]
    if not judged:
        raise NotJudgedError(f"the load generator could not keep up: {results[-1].reasons[0]}")
    best = min(judged, key=lambda each: each.p99_ms)
    raise ShortfallError(f"{_figures(best)}; {'; '.join(_broken(best.limits))}")


def _fresh(sla: Sla, examined: Examined, turn: int) -> Sla:
    return reseeded(sla, examined.draw("sla").randrange(1_000_000) + turn)


def _broken(limits: Sequence[Limit]) -> list[str]:
    return [
        f"{each.name} {each.measured:g}, promised {each.limit:g}"
        for each in limits
        if each.name in _JUDGED and not each.kept
    ]


def _figures(result: Result) -> str:
    return f"p99 {result.p99_ms:.1f} ms, errors {result.error_rate:.2%} at {result.rate_rps:g}/s"
