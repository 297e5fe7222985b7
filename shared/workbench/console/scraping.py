"""Scrapes the running levels once a second, by the jobs that are written for Prometheus."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from servekit.whole_file import write_whole
from workbench.console.exposition import read_exposition, read_labels
from workbench.console.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from workbench.observe.promql import Samples
    from workbench.observe.promql.series import Matcher

__all__ = ["ScrapeTarget", "Scraper", "targets_of"]

_ANSWERS_WITHIN_S = 2.0
_UP, _DURATION = "up", "scrape_duration_seconds"


@dataclass(frozen=True)
class ScrapeTarget:
    """What is scraped: the job's name, ``host:port``, and the path."""

    job: str
    instance: str
    path: str = field(default="/metrics", compare=False)


def targets_of(config: dict[str, Any]) -> list[ScrapeTarget]:
    """The targets of Prometheus' configuration, but for Prometheus itself."""
    return [
        ScrapeTarget(job["job_name"], instance, job.get("metrics_path", "/metrics"))
        for job in config["scrape_configs"]
        for static in job["static_configs"]
        for instance in static["targets"]
        if job["job_name"] != "prometheus"
    ]


class Scraper:
    """Keeps the history of all targets; a source of samples for queries.

    Args:
        find: the targets of this moment. Those that are gone keep their history until it is a day old.
        every_s: seconds between two scrapes.
    """

    def __init__(self, find: Callable[[], Iterable[ScrapeTarget]], every_s: float = 1.0) -> None:
        self._find, self._every_s = find, every_s
        self._histories: dict[ScrapeTarget, History] = {}
        self._client = httpx.AsyncClient(timeout=_ANSWERS_WITHIN_S, trust_env=False)

    async def run(self) -> None:
        """Scrapes until it is cancelled."""
        try:
            while True:
                began = time.monotonic()
                await self.scrape()
                await asyncio.sleep(max(0.0, self._every_s - (time.monotonic() - began)))
        finally:
            await self._client.aclose()

    def save(self, folder: Path) -> None:
        """Writes the histories into files, one for each target."""
        folder.mkdir(parents=True, exist_ok=True)
        for target, history in self._histories.items():
            write_whole(folder / f"{target.job} {target.instance}", history.dump())

    def load(self, folder: Path) -> None:
        """Reads what was saved; a damaged file is as none."""
        for path in sorted(folder.glob("* *")):
            job, _, instance = path.name.partition(" ")
            with suppress(OSError, msgspec.MsgspecError, ValueError):
                self._histories[ScrapeTarget(job, instance)] = History.loaded(path.read_bytes())

    async def scrape(self) -> None:
        """Scrapes every target once."""
        now = time.time()
        await asyncio.gather(*(self._scrape(target, now) for target in self._find()))

    def select(
        self, name: str, matches: Sequence[Matcher], start: float, end: float, apart_s: float
    ) -> Iterator[Samples]:
        """The samples of a metric, of all targets."""
        for history in self._histories.values():
            yield from history.select(name, matches, start, end, apart_s)

    @property
    def size(self) -> int:
        """Bytes of samples."""
        return sum(history.size for history in self._histories.values())

    async def _scrape(self, target: ScrapeTarget, now: float) -> None:
        values: dict[str, float] = {}
        began = time.monotonic()
        try:
            answer = await self._client.get(f"http://{target.instance}{target.path}")
            values = dict(read_exposition(answer.text)) if answer.is_success else {}
        except (httpx.HTTPError, ValueError):
            pass  # `up` says it
        if not values and target not in self._histories:
            return  # it was never there: nothing to tell
        history = self._histories.setdefault(target, History())
        values[_UP] = 1.0 if values else 0.0
        values[_DURATION] = time.monotonic() - began
        history.add(now, {_place(history, series, target): value for series, value in values.items()})


def _place(history: History, series: str, target: ScrapeTarget) -> int:
    known = history.row(series)
    if known is not None:
        return known
    return history.enter(series, read_labels(series, job=target.job, instance=target.instance))
