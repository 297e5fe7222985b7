"""The part of an exam that sends load: the level's own SLA, in a short run of open-loop load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from course.exam.examined import NotJudgedError, ShortfallError
from workbench.sla.load import Window
from workbench.sla.run import attempt, reseeded
from workbench.sla.settings import load_sla, overridden

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def _nothing_else() -> Callable[[], str]:
    return lambda: ""


def keep_sla(examined: Examined, path: Path, also: Callable[[], Callable[[], str]] = _nothing_else) -> str:
    """Sends the rate that ``sla.toml`` states, and holds p99, errors and throughput against its limits.

    The best run counts: a neighbour on the machine may spoil one, and no luck makes a slow level fast.

    Args:
        examined: the level; its ``load_runs`` says how many runs there may be, of those that can be judged.
        path: its ``sla.toml``.
        also: is called before each run, and what it gives after it: says what else was broken, or nothing.

    Raises:
        NotJudgedError: the generator itself was late in each run, or the address takes TLS, which the load does not.
        ShortfallError: a limit was broken in each run.
    """
    if not examined.url.startswith("http:"):
        raise NotJudgedError(f"{examined.url}: the load is sent without TLS")
    sla = overridden(load_sla(path), server__url=examined.url, generator__check_ratio=0.0)
    window = Window(sla.rate_rps, min(sla.warmup_s, examined.load_s), examined.load_s)
    judged: list[tuple[Result, list[str]]] = []
    reason = ""
    for turn in range(max(_TRIES, examined.load_runs)):
        after = also()
        result, load = attempt(path, _fresh(sla, examined, turn), window, Path(f".run/exam/sla-{sla.level}"), _Quiet())
        if load.interrupted:
            raise KeyboardInterrupt
        broken = [*_broken(result.limits), *filter(None, [after()])]
        if result.verdict != "invalid" and not broken:
            return f"{_figures(result)} (promised {sla.thresholds.p99_ms:g} ms)"
        if result.verdict == "invalid":
            reason = result.reasons[0]
        else:
            judged.append((result, broken))
        if len(judged) == examined.load_runs:
            break
    if not judged:
        raise NotJudgedError(f"the load generator could not keep up: {reason}")
    best, broken = min(judged, key=lambda each: each[0].p99_ms)
    raise ShortfallError(f"{_figures(best)}; {'; '.join(broken)}")


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
