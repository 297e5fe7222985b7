"""What the pages read: the levels, their pictures and panels, the samples, and the values of expressions."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import yaml

from workbench.console.alerts import AlertBoard
from workbench.console.level_file import read_level_file
from workbench.console.panels import filled_in, read_board
from workbench.console.picture import Flow
from workbench.console.remote import PrometheusServer
from workbench.console.running import LevelState, level_state
from workbench.console.scraping import Scraper, targets_of
from workbench.observe.deployment import placed
from workbench.observe.promql import Evaluator, Grid, read_rules
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from workbench.console.level_file import Arrow, LevelFile
    from workbench.console.panels import Board, Panel
    from workbench.console.scraping import ScrapeTarget
    from workbench.observe.promql import Frame, Samples
    from workbench.observe.promql.series import Matcher

__all__ = ["Room", "ShownLevel", "grid_of"]

_LEVEL = re.compile(r"0(\d)-")
_NEWEST_S = 10
_LOOKS_FOR_LEVELS_EVERY_S = 2.0
_ALERTS_EVERY_S = 30.0


@dataclass(frozen=True)
class ShownLevel:
    """A level: its number, what it says of itself, its panels, and those of what may run beside it, by its process."""

    number: int
    file: LevelFile
    board: Board
    beside: Mapping[str, Board]


class Room:
    """Everything that the pages show.

    Args:
        root: the repository.
        prometheus: the URL of a Prometheus that the figures come from; empty: from what the room scrapes itself.
    """

    def __init__(self, root: Path = ROOT, prometheus: str = "") -> None:
        self.root = root
        self.levels = {level.number: level for level in _levels(root)}
        self.overview = read_board("serving-overview")
        self.states = {number: LevelState({}) for number in self.levels}
        self._targets: tuple[float, list[ScrapeTarget]] = (0.0, [])
        self.scraper = Scraper(self._find)
        rules = read_rules(sorted((root / "infra" / "prometheus" / "rules").glob("*.yaml")))
        own = Evaluator(self, rules)
        self._evaluator = PrometheusServer(prometheus) if prometheus else own
        self.alerts = AlertBoard(rules.alerts, own)

    async def run(self) -> None:
        """Scrapes, and asks the supervisors once a second, until it is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.scraper.run())
                tasks.create_task(self._watch())
                tasks.create_task(self._judge())
        finally:
            if isinstance(self._evaluator, PrometheusServer):
                self._evaluator.close()

    def select(
        self, name: str, matches: Sequence[Matcher], start: float, end: float, apart_s: float
    ) -> Iterator[Samples]:
        """The samples of a metric: what the levels showed, and the alerts of this room."""
        source = self.alerts if name == "ALERTS" else self.scraper
        return source.select(name, matches, start, end, apart_s)

    def frames(self, panel: Panel, grid: Grid, level: int | None = None) -> list[Frame]:
        """The values of a panel's queries, of one level or of all; rates are over two of the grid's steps, or 10 s."""
        window_s = max(_NEWEST_S, 2 * grid.step)
        texts = [filled_in(query.expression, window_s, level) for query in panel.queries]
        evaluator = self._evaluator.remembering()
        return [evaluator.evaluate(text, grid) for text in texts]

    def now(self, expression: str, level: int | None = None) -> float | None:
        """The value of an expression at this moment, of its first series; None where it has none."""
        if not expression:
            return None
        frame = self._evaluator.evaluate(filled_in(expression, _NEWEST_S, level), Grid(time.time()))
        values = frame.values[frame.there]
        return float(values[0]) if len(values) and np.isfinite(values[0]) else None

    def flows(self, level: LevelFile) -> dict[Arrow, Flow]:
        """The figures of each arrow of a level's picture."""
        return {each: Flow(self.now(each.rate), self.now(each.p99), self.now(each.errors)) for each in level.arrow}

    async def _judge(self) -> None:
        while True:
            self.alerts.evaluate(time.time())
            await asyncio.sleep(_ALERTS_EVERY_S)

    async def _watch(self) -> None:
        while True:
            for number in self.levels:
                self.states[number] = await asyncio.to_thread(level_state, number)
            await asyncio.sleep(1.0)

    def _find(self) -> list[ScrapeTarget]:
        """The targets of the levels as they were last started."""
        read_at, targets = self._targets
        if time.monotonic() - read_at > _LOOKS_FOR_LEVELS_EVERY_S:
            targets = targets_of(yaml.safe_load(placed().read_text(encoding="utf-8")))
            self._targets = time.monotonic(), targets
        return targets


def grid_of(window_s: float, points: int = 150) -> Grid:
    """The moments of a chart that ends now, at steps of whole seconds, which stay where they are as time goes on."""
    step = max(1.0, round(window_s / points))
    return Grid((time.time() - window_s) // step * step, step, int(window_s / step) + 1)


def _levels(root: Path) -> list[ShownLevel]:
    found = []
    for path in sorted(root.glob("0*/console.toml")):
        number = _LEVEL.match(path.parent.name)
        if number:
            file = read_level_file(path)
            beside = {each.process: read_board(each.dashboard) for each in file.beside}
            found.append(ShownLevel(int(number[1]), file, read_board(file.dashboard), beside))
    return found
