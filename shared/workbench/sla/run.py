"""One run against an SLA: is it the right server, load it, judge it, and say where and how that was measured."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from workbench.hardware import hardware_stamp
from workbench.sla.judge import judge
from workbench.sla.load import Load, Progress, Window, generate
from workbench.sla.result import Result
from workbench.sla.scenario import load_scenario
from workbench.sla.target import identify

if TYPE_CHECKING:
    from workbench.sla.samples import Samples
    from workbench.sla.settings import Sla

__all__ = ["attempt", "command_line", "reseeded", "run"]


def run(path: Path, sla: Sla, folder: Path, progress: Progress) -> tuple[Result, Load]:
    """Run an SLA test; one that was too close to tell, or failed on a visibly noisy machine, is repeated once.

    The repeat of one that was too close is as long as ``longest_s``, and judged alone; the result says so.

    Args:
        path: the ``sla.toml`` that ``sla`` was read from.
        sla: what is promised and how it is tested.
        folder: where the samples and Locust's log go.
        progress: shown the run while it lasts.

    Raises:
        NotReadyError: nothing answers, or another server does.
        InvalidValueError: the scenario cannot be loaded.
    """
    window = Window(sla.rate_rps, sla.warmup_s, sla.duration_s)
    result, load = attempt(path, sla, window, folder, progress)
    if result.verdict == "too_close" and window.duration_s < sla.longest_s:
        window = window._replace(duration_s=sla.longest_s)
    elif result.verdict not in {"broken", "invalid"} or not result.host.noisy:
        return result, load
    first = {name: getattr(result, name) for name in ("verdict", "p99_ms", "reasons", "duration_s")}
    second, load = attempt(path, reseeded(sla, 1), window, folder, progress)
    return msgspec.structs.replace(second, repeated=True, first_attempt=first), load


def attempt(path: Path, sla: Sla, window: Window, folder: Path, progress: Progress) -> tuple[Result, Load]:
    """One load of the server at the window's rate, judged.

    Raises:
        NotReadyError: nothing answers, or another server does.
        InvalidValueError: the scenario cannot be loaded.
    """
    server = identify(sla.server)
    load_scenario(sla.scenario, path.parent)
    load = generate(path, sla, window, folder, progress)
    duration_s = _sent_for(window, load.samples) if load.interrupted else window.duration_s
    judged = judge(sla, window.rate_rps, (window.warmup_s, duration_s), load.samples, load.answers)
    if load.interrupted:
        reason = "interrupted: the figures are those of the requests until then"
        judged = msgspec.structs.replace(judged, verdict="interrupted", reasons=[reason])
    stamp = hardware_stamp()
    result = Result(
        **{name: getattr(judged, name) for name in judged.__struct_fields__},
        level=sla.level,
        rate_rps=window.rate_rps,
        duration_s=duration_s,
        warmup_s=window.warmup_s,
        workers=sla.generator.workers,
        seed=sla.generator.seed,
        mix=sla.mix,
        thresholds=sla.thresholds,
        target=sla.server.url,
        server=server,
        host=load.host,
        hardware=stamp,
        date=stamp["date"],
        command=command_line(),
    )
    return result, load


def reseeded(sla: Sla, number: int) -> Sla:
    """The same SLA for a run that follows others: a cache must not know its requests from the run before."""
    generator = msgspec.structs.replace(sla.generator, seed=sla.generator.seed + number)
    return msgspec.structs.replace(sla, generator=generator)


def command_line() -> str:
    """The command that a reader types to measure again."""
    program = "python -m workbench.sla" if Path(sys.argv[0]).name == "__main__.py" else Path(sys.argv[0]).name
    return shlex.join([*program.split(), *sys.argv[1:]])


def _sent_for(window: Window, samples: Samples) -> float:
    """How many judged seconds an interrupted run had behind it."""
    last = float(samples["intended_s"].max()) if len(samples) else 0.0
    return round(min(max(last - window.warmup_s, 0.001), window.duration_s), 3)
