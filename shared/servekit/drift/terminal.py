"""The drift verdict of a running server, read from its metrics."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from rich.markup import escape
from rich.text import Text

from servekit.http_ask import ask
from servekit.terminal import make_console, make_table, printable

if TYPE_CHECKING:
    from prometheus_client.samples import Sample
    from rich.console import Console
    from rich.table import Table

__all__ = ["VersionDrift", "WindowDrift", "main", "parse", "render"]

_TIMEOUT_S = 5.0
_QUIET, _ALARM, _UNREACHABLE = 0, 1, 2


@dataclass
class WindowDrift:
    """The drift gauges of one window; ``features`` maps a feature to its gauges by short name."""

    rows: int = 0
    required: int = 0
    features: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def drifted(self) -> list[str]:
        """The features in alarm."""
        return [name for name, gauges in self.features.items() if gauges.get("alarm")]


@dataclass
class VersionDrift:
    """The drift gauges of one model version, by window: ``short``, ``long``."""

    windows: dict[str, WindowDrift] = field(default_factory=lambda: defaultdict(WindowDrift))

    @property
    def drifted(self) -> list[str]:
        """The features in alarm in any window, each once."""
        return list(dict.fromkeys(name for window in self.windows.values() for name in window.drifted))


def parse(exposition: str) -> dict[tuple[str, str], VersionDrift]:
    """The drift gauges in a Prometheus exposition, by (model, version)."""
    versions: dict[tuple[str, str], VersionDrift] = defaultdict(VersionDrift)
    for family in text_string_to_metric_families(exposition):
        if not family.name.startswith("serving_drift_"):
            continue
        for sample in family.samples:
            version = versions[sample.labels["model"], sample.labels["version"]]
            _note(version.windows[sample.labels["window"]], family.name.removeprefix("serving_drift_"), sample)
    return dict(versions)


def _note(window: WindowDrift, short: str, sample: Sample) -> None:
    if short == "window_rows":
        window.rows = int(sample.value)
    elif short == "window_required_rows":
        window.required = int(sample.value)
    else:
        key = f"{sample.labels['statistic']}_threshold" if short == "threshold" else short
        window.features[sample.labels["feature"]][key] = sample.value


def render(console: Console, model: str, version: str, window: WindowDrift) -> Table:
    """The table of one window of a model version: a row for each feature and score."""
    title = escape(printable(f"{model} {version}: the last {window.rows} rows against the training data"))
    table = make_table(console, "feature", "PSI", "alarm above", "KS", "alarm above", "verdict", title=title)
    for column in table.columns[1:5]:
        column.justify = "right"
    for name, gauges in window.features.items():
        cells = [_distance(gauges, "psi"), _bound(gauges, "psi"), _distance(gauges, "ks"), _bound(gauges, "ks")]
        verdict = Text("DRIFT", "bold red") if gauges.get("alarm") else Text("quiet", "green")
        table.add_row(Text(printable(name)), *cells, verdict)
    if not window.features:
        table.add_row(Text(f"{window.rows} of the {window.required} rows that a verdict needs", "yellow"))
    return table


def main(arguments: list[str], console: Console | None = None) -> int:
    """Print the verdict of ``URL`` (a /metrics address): 0 quiet, 1 alarm, 2 unreachable or without drift gauges."""
    console = console or make_console()
    if len(arguments) != 1 or not arguments[0].startswith("http://"):
        console.print("usage: python -m servekit.drift http://HOST:PORT/metrics", markup=False)
        return _UNREACHABLE
    url = arguments[0]
    try:
        versions = parse(_fetch(url))
    except (OSError, ValueError) as error:
        console.print(f"{url}: {error}; is the server up?", style="red", markup=False)
        return _UNREACHABLE
    if not versions:
        console.print(f"{url}: no serving_drift_* gauges; does the server monitor drift?", style="red", markup=False)
        return _UNREACHABLE
    for (model, version), drift in versions.items():
        for window in drift.windows.values():
            console.print(render(console, model, version, window))
    drifted = [f"{model} {version}: {name}" for (model, version), drift in versions.items() for name in drift.drifted]
    said = Text(printable(f"drift: {', '.join(drifted)}"), "red") if drifted else Text("no drift", "green")
    console.print(said)
    return _ALARM if drifted else _QUIET


def _fetch(url: str) -> str:
    status, _, body = ask(url, _TIMEOUT_S)
    if status != HTTPStatus.OK:
        raise ValueError(f"HTTP {status}")
    return body.decode()


def _distance(gauges: dict[str, float], statistic: str) -> Text:
    value = gauges.get(statistic, float("nan"))
    over = value > gauges.get(f"{statistic}_threshold", float("inf"))
    return Text(f"{value:.3f}", "red" if over else "")


def _bound(gauges: dict[str, float], statistic: str) -> Text:
    return Text(f"{gauges.get(f'{statistic}_threshold', float('nan')):.3f}", "dim")
