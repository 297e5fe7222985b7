"""What comes from outside is text in a report, wherever it stands."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import numpy as np

from shop.commands.budget_picture import Hop, draw
from workbench.hardware import hardware_stamp
from workbench.sla.capacity import CapacityResult, Probe
from workbench.sla.capacity_report import render_capacity
from workbench.sla.chart import Axis, Mark, Series, line_chart
from workbench.sla.page import figure, page, stamp_list, table, tiles
from workbench.sla.recorder import Checked
from workbench.sla.report import render_report
from workbench.sla.result import Endpoint, Limit, Result
from workbench.sla.samples import RECORD
from workbench.sla.settings import Thresholds
from workbench.versions import ROOT

HOSTILE = (
    """</title></style></svg>'"><script>alert(1)</script><img src=x onerror="alert(2)"><a href=javascript:x>&lt;"""
)
ATTRIBUTES = {
    "class", "lang", "charset", "name", "content", "viewbox", "role", "aria-label", "x", "y", "x1", "x2", "y1", "y2",
    "http-equiv", "cx", "cy", "r", "rx", "d", "text-anchor", "width", "height", "fill", "xmlns",
}  # fmt: skip
"""What the elements of a report have: none of it loads, links or runs anything."""


class Reader(HTMLParser):
    """The elements, the names of their attributes and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.texts += [value for _, value in attrs if value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def assert_plain(text: str, times: int) -> None:
    """Hold that no hostile text became an element, and that each is there to be read."""
    read = Reader(text)
    assert not read.elements & {"script", "img", "a", "iframe", "link", "base", "object", "form"}
    assert read.attributes <= ATTRIBUTES
    assert "alert(2)" in text
    assert sum(each.count(HOSTILE) for each in read.texts) >= times, text


def hostile(value: Any, key: str = "") -> Any:
    """What JSON holds with every text replaced, keys that come from outside too; save verdicts, words of our own."""
    match value:
        case str() if key not in {"verdict", "limit", "standing"}:
            return HOSTILE
        case dict() if key in {"errors", "mix", "server"}:
            return {HOSTILE + name: hostile(each) for name, each in value.items()}
        case dict():
            return {name: hostile(each, name) for name, each in value.items()}
        case list():
            return [hostile(each, key) for each in value]
        case _:
            return value


def run() -> tuple[Result, Any]:
    samples = np.zeros(400, RECORD)
    samples["intended_s"] = np.linspace(0, 8, 400)
    samples["latency_s"] = 0.01
    samples["outcome"][::9] = 503
    limit = Limit("p99_ms", 10.0, 50.0, kept=True, standing="kept", hits=0, of=350, low=10.0, high=10.0)
    endpoint = Endpoint("single", 400, 50.0, 1.0, 2.0, 3.0, 4.0, 0.0, 10.0)
    return Result(
        level=1, rate_rps=50, duration_s=7, warmup_s=1, workers=1, seed=1, mix={"single": 1.0},
        thresholds=Thresholds(p99_ms=50), target="http://127.0.0.1:8100", server={"python": "3"},
        first_attempt={"verdict": HOSTILE, "p99_ms": 3.0}, hardware=hardware_stamp(), date="2026-01-01",
        command="make sla-1", errors={"HTTP 503": 44}, limits=[limit],
        endpoints=[endpoint], correctness=Checked(3, 1, ["single: wrong"]), reasons=["the server said no"],
    ), samples  # fmt: skip


def test_a_report_of_hostile_texts_is_text() -> None:
    result, samples = run()
    assert_plain(render_report(msgspec.convert(hostile(msgspec.to_builtins(result)), Result), samples), times=10)


def test_a_capacity_report_of_hostile_texts_is_text() -> None:
    probes = [Probe(rate_rps=100, achieved_rps=100, goodput_rps=99, p50_ms=1.2, p99_ms=4.4, verdict=HOSTILE)]
    result = CapacityResult(
        level=1, capacity_rps=100.0, failed_rps=200.0, limit="server", confirmations=1, goodput_rps=99.0, p99_ms=4.4,
        thresholds=Thresholds(p99_ms=50), mix={"single": 1.0}, target="x", workers=1, probes=probes,
        hardware=hardware_stamp(), date="2026-01-01", command="make capacity-1",
    )  # fmt: skip
    assert_plain(render_capacity(msgspec.convert(hostile(msgspec.to_builtins(result)), CapacityResult)), times=8)


def test_every_part_of_a_page_escapes_its_texts() -> None:
    stamp: Any = {key: HOSTILE if isinstance(value, str) else value for key, value in hardware_stamp().items()}
    x = Axis(lambda value: value, [(0.0, HOSTILE), (1.0, "1")], HOSTILE)
    chart = line_chart(HOSTILE, x, x, [Series(HOSTILE, [(0.5, 0.5)], [HOSTILE], HOSTILE)], marks=[Mark(0.5, HOSTILE)])
    body = [
        tiles([(HOSTILE, HOSTILE, HOSTILE, HOSTILE)]),
        figure(HOSTILE, [(HOSTILE, HOSTILE)], chart, HOSTILE),
        table(HOSTILE, [HOSTILE], [[HOSTILE]]),
        stamp_list(stamp, [(HOSTILE, HOSTILE)]),
    ]
    assert_plain(page(HOSTILE, HOSTILE, HOSTILE, [HOSTILE, HOSTILE], body), times=29)


def test_the_picture_of_a_budget_escapes_its_texts() -> None:
    assert_plain(draw({HOSTILE: [Hop(HOSTILE, 1.0, 2.0)]}, 50.0), times=5)


def test_no_page_of_the_repository_names_another_host() -> None:
    """Pictures, styles and dashboards; what servers and reports make is held where they are tested."""
    pages = [*ROOT.glob("0?-*/**/*.svg"), *(ROOT / "shared").rglob("*.css"), *(ROOT / "infra/grafana").rglob("*.json")]
    names = re.compile(
        r"(?:src|href|url|uri|content)[\"']?\s*[=:(]\s*[\"']?(?:https?:)?//(?!127\.0\.0\.1)|@import", re.IGNORECASE
    )
    assert len(pages) > len(["svg", "css", "json"])
    assert [(path.name, found) for path in pages if (found := names.findall(path.read_text()))] == []


def test_nothing_else_writes_html() -> None:
    known = {"page.py", "chart.py", "report.py", "picture.py", "budget_picture.py", "day_picture.py", "docs.py"}
    element = re.compile(r"(?<!\?P)<(?:html|body|div|p|li|td|svg|text)[ >]")
    files = [*(ROOT / "shared").rglob("*.py"), *ROOT.glob("0?-*/*/**/*.py")]
    assert {path.name for path in files if element.search(path.read_text())} <= known
