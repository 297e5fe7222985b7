"""The drift verdict of a running server, read from its metrics."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from rich.markup import escape
from rich.text import Text

from servekit.http_ask import ask
from servekit.json_file import write_json
from workbench.hardware import hardware_stamp
from workbench.terminal import make_console, make_table, printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prometheus_client.samples import Sample
    from rich.console import Console
    from rich.table import Table

__all__ = ["VersionDrift", "WindowDrift", "main", "parse", "render", "render_power"]

_TIMEOUT_S = 5.0
_POWER = "Against {} rows of training data, 9 in 10 shifts of a normal feature are flagged after so many rows:"
_QUIET, _ALARM, _UNREACHABLE = 0, 1, 2


@dataclass
class WindowDrift:
    """The drift gauges of one window; ``features`` maps a feature to its gauges by short name."""

    rows: int = 0
    required: int = 0
    smallest_shift: float = inf
    flagged_after: dict[str, float] = field(default_factory=dict)
    features: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def drifted(self) -> list[str]:
        """The features in alarm."""
        return [name for name, gauges in self.features.items() if gauges.get("alarm")]


@dataclass
class VersionDrift:
    """The drift gauges of one model version, by window: ``short``, ``long``."""

    reference_rows: int = 0
    windows: dict[str, WindowDrift] = field(default_factory=lambda: defaultdict(WindowDrift))

    @property
    def asked(self) -> bool:
        """Whether it has answered anything; a version that stands by has not."""
        return any(window.rows for window in self.windows.values())

    @property
    def drifted(self) -> list[str]:
        """The features in alarm in any window, each once."""
        return list(dict.fromkeys(name for window in self.windows.values() for name in window.drifted))

    @property
    def smallest_shift(self) -> float:
        """The shift, in standard deviations, that would show nine times in ten by now; infinite before a verdict."""
        return min((window.smallest_shift for window in self.windows.values()), default=inf)


def parse(exposition: str) -> dict[tuple[str, str], VersionDrift]:
    """The drift gauges in a Prometheus exposition, by (model, version)."""
    versions: dict[tuple[str, str], VersionDrift] = defaultdict(VersionDrift)
    for family in text_string_to_metric_families(exposition):
        if not family.name.startswith("serving_drift_"):
            continue
        for sample in family.samples:
            version = versions[sample.labels["model"], sample.labels["version"]]
            if family.name == "serving_drift_reference_rows":
                version.reference_rows = int(sample.value)
            else:
                _note(version.windows[sample.labels["window"]], family.name.removeprefix("serving_drift_"), sample)
    return dict(versions)


def _note(window: WindowDrift, short: str, sample: Sample) -> None:
    if short == "window_rows":
        window.rows = int(sample.value)
    elif short == "window_required_rows":
        window.required = int(sample.value)
    elif short == "smallest_shift":
        window.smallest_shift = sample.value
    elif short == "flagged_after_rows":
        window.flagged_after[sample.labels["shift"]] = sample.value
    else:
        key = f"{sample.labels['statistic']}_threshold" if short == "threshold" else short
        window.features[sample.labels["feature"]][key] = sample.value


def render(console: Console, model: str, version: str, window: WindowDrift) -> Table:
    """The table of one window of a model version: a row for each feature and score."""
    title = escape(printable(f"{model} {version}: the last {window.rows} rows against the training data"))
    table = make_table(
        console, "feature", "PSI", "alarm above", "KS", "alarm above", "verdict", title=title, numbers=range(1, 5)
    )
    for name, gauges in window.features.items():
        cells = [_distance(gauges, "psi"), _bound(gauges, "psi"), _distance(gauges, "ks"), _bound(gauges, "ks")]
        verdict = Text("DRIFT", "bold red") if gauges.get("alarm") else Text("quiet", "green")
        table.add_row(Text(printable(name)), *cells, verdict)
    if not window.features:
        table.add_row(Text(f"{window.rows} of the {window.required} rows that a verdict needs", "yellow"))
    return table


def render_power(console: Console, drift: VersionDrift) -> Table:
    """The table of the rows after which each window flags a shift, nine times in ten."""
    table = make_table(console, "shift", *(f"{name} window" for name in map(printable, drift.windows)), numbers=1)
    shifts = dict.fromkeys(shift for window in drift.windows.values() for shift in window.flagged_after)
    for shift in shifts:
        rows = (window.flagged_after.get(shift, inf) for window in drift.windows.values())
        table.add_row(printable(f"{shift} sd"), *(f"{each:,.0f}" if each < inf else "not reliably" for each in rows))
    return table


def main(arguments: list[str], console: Console | None = None, kept: Path | None = None) -> int:
    """Prints the verdict of ``URL`` (a /metrics address); returns 0 when quiet, 1 in alarm, 2 without drift gauges.

    Where ``kept`` names a file, the verdict is written there, too: ``quiet``, ``alarm``, or ``no verdict`` where a
    version has answered too little for one. A version that stands by and has answered nothing has no say in it.
    """
    console = console or make_console()
    if len(arguments) != 1 or not arguments[0].startswith("http://"):
        console.print("usage: python -m workbench.drift http://HOST:PORT/metrics", markup=False)
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
    shown = {name: drift for name, drift in versions.items() if drift.asked} or versions
    for (model, version), drift in shown.items():
        for window in drift.windows.values():
            console.print(render(console, model, version, window))
        console.print(_POWER.format(drift.reference_rows), soft_wrap=True)
        console.print(render_power(console, drift))
    drifted = [f"{model} {version}: {name}" for (model, version), drift in versions.items() for name in drift.drifted]
    if kept:
        write_json(kept, _document(url, versions))
    if drifted:
        console.print(Text(printable(f"drift: {', '.join(drifted)}"), "red"), soft_wrap=True)
        return _ALARM
    for (model, version), drift in versions.items():
        if (model, version) in shown:
            console.print(_unflagged(f"{model} {version}", drift), soft_wrap=True)
        else:
            console.print(Text(printable(f"{model} {version}: stands by, was asked nothing yet"), "dim"))
    return _QUIET


def _document(url: str, versions: Mapping[tuple[str, str], VersionDrift]) -> dict[str, object]:
    asked = [drift for drift in versions.values() if drift.asked]
    told = bool(asked) and all(drift.smallest_shift < inf for drift in asked)
    alarm = any(drift.drifted for drift in versions.values())
    stamp = hardware_stamp()
    return {
        "verdict": "alarm" if alarm else "quiet" if told else "no verdict",
        "date": stamp["date"],
        "target": url,
        "drifted": {f"{model} {version}": drift.drifted for (model, version), drift in versions.items()},
        "hardware": stamp,
    }


def _unflagged(name: str, drift: VersionDrift) -> Text:
    """The sentence on what quiet windows of a version prove, and what they do not."""
    if drift.smallest_shift == inf:
        return Text(printable(f"{name}: no verdict yet"), "yellow")
    seen = f"a shift of {drift.smallest_shift:.2f} sd over all its rows would show 9 times in 10, a smaller one may not"
    return Text(printable(f"{name}: no drift; {seen}"), "green")


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
