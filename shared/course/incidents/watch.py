"""The alert of an incident: the repository's own rule, evaluated on the running level without a Prometheus.

A rule looks back 5 minutes or an hour and waits some minutes more, which is right at night and long for a drill. So the
windows, offsets and waits of every rule are divided by the same number, ``SPEED``; nothing else in it is changed. Rates
stay rates a second. Increases over a window count what happened in the shorter one.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

import yaml

from workbench.console.alerts import AlertBoard
from workbench.console.scraping import Scraper, targets_of
from workbench.observe.deployment import placed
from workbench.observe.promql import Evaluator, Rules, read_rules
from workbench.stack import find_started, run_folder
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from workbench.console.alerts import Raised
    from workbench.console.scraping import ScrapeTarget
    from workbench.observe.promql import Alert

__all__ = ["SPEED", "AlertWatch", "faster", "level_targets", "read_all_rules"]

SPEED = 20.0
"""By what the rules' windows and waits are divided: 5 minutes become 15 seconds."""

_DURATION = re.compile(r"(?<=\[)(?P<count>\d+)(?P<unit>[smhd])(?=\])|(?<=offset )(?P<count_2>\d+)(?P<unit_2>[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EVERY_S = 1.0


def read_all_rules() -> Rules:
    """The recording and alerting rules of the repository, as Prometheus has them.

    Raises:
        QueryError: a rule is of no kind that is known.
    """
    return read_rules(sorted((ROOT / "infra" / "prometheus" / "rules").glob("*.yaml")))


def faster(rules: Rules, speed: float) -> Rules:
    """The same rules with windows, offsets and waits divided by `speed`."""
    recordings = {
        name: [replace(each, expression=_shorter(each.expression, speed)) for each in found]
        for name, found in rules.recordings.items()
    }
    alerts = [
        replace(each, expression=_shorter(each.expression, speed), hold_s=each.hold_s / speed) for each in rules.alerts
    ]
    return Rules(recordings, alerts)


def level_targets(level: int) -> list[ScrapeTarget]:
    """What of a level that runs here Prometheus would scrape; none while it is down."""
    started = find_started(level, run_folder(level))
    jobs = started.scrape if started else {}
    return [target for target in targets_of(yaml.safe_load(placed().read_text("utf-8"))) if target.job in jobs]


class AlertWatch:
    """A context in which the level is scraped once a second, and some alerts are judged each time.

    Args:
        names: of the alerts.
        targets: what is scraped.
        speed: by what the rules' windows and waits are divided.
    """

    def __init__(self, names: Sequence[str], targets: Sequence[ScrapeTarget], speed: float = SPEED) -> None:
        rules = faster(read_all_rules(), speed)
        self._rules: list[Alert] = [each for each in rules.alerts if each.name in names]
        self._scraper = Scraper(lambda: targets)
        self._board = AlertBoard(self._rules, Evaluator(self._scraper, rules))
        self._over = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), name="alert-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    @property
    def firing(self) -> list[Raised]:
        """The alerts that fire at this moment."""
        return [each for each in self._board.raised if each.firing]

    @property
    def problems(self) -> list[str]:
        """Why a rule could not be evaluated, if one could not."""
        return self._board.problems

    async def _run(self) -> None:
        scraping = asyncio.create_task(self._scraper.run())
        while not self._over.is_set():
            self._board.evaluate(time.time())
            await asyncio.sleep(_EVERY_S)
        scraping.cancel()
        with suppress(asyncio.CancelledError):
            await scraping


def _shorter(expression: str, speed: float) -> str:
    def shorter(found: re.Match[str]) -> str:
        count, unit = found["count"] or found["count_2"], found["unit"] or found["unit_2"]
        return f"{max(1, round(int(count) * _SECONDS[unit] / speed * 1000))}ms"

    return _DURATION.sub(shorter, expression)
