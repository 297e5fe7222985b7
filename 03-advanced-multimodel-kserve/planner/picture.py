"""The plan's picture: p99 against how busy the pods are, as an SVG file that stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.sla.chart import WIDE, Axis, Mark, Series, line_chart, logarithmic

if TYPE_CHECKING:
    from planner.plan import Plan

__all__ = ["draw"]

_STYLE: Final = (
    "<style>svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#5b6470}.grid{stroke:#e3e6ea}"
    ".line{fill:none;stroke-width:2}.s0 .line{stroke:#1f6fd6}.s0 .dot{fill:#1f6fd6}.s1 .line{stroke:#d1600a}"
    ".s1 .dot{fill:#d1600a}.s2 .line{stroke:#157a3c}.s2 .dot{fill:#157a3c}.mark{stroke:#5b6470;stroke-dasharray:5 4}"
    ".spot{fill:transparent}</style>"
)
_LEGEND: Final = (("#1f6fd6", "closed form"), ("#d1600a", "simulation"), ("#157a3c", "planned: all zones, one lost"))


def draw(plan: Plan) -> str:
    """The plan's curve as the text of an SVG document."""
    warm = plan.warm
    busy = max(station.busy for station in warm.stations)
    lost = max(station.busy_zone_lost for station in warm.stations)
    closed = [(point.utilisation, point.closed_form_ms) for point in plan.points]
    simulated = [(point.utilisation, point.simulated_ms) for point in plan.points]
    chosen = [(busy, warm.p99_ms), (lost, warm.p99_zone_lost_ms)]
    every = [height for _, height in (*closed, *simulated, *chosen)]
    chart = line_chart(
        f"p99 against utilisation, {plan.ask.qps:g} requests/s",
        Axis(lambda value: value, [(n / 10, f"{n * 10} %") for n in range(0, 11, 2)], "how busy every pod is"),
        logarithmic(min(every), max(*every, plan.ask.p99_ms), "ms"),
        [
            Series("closed form", closed, [f"{x:.0%}: {y:.3g} ms" for x, y in closed], "s0", dots=True),
            Series("simulation", simulated, [f"{x:.0%}: {y:.3g} ms" for x, y in simulated], "s1", dots=True),
            Series("planned", chosen, [f"planned, {x:.0%}: {y:.3g} ms" for x, y in chosen], "s2", dots=True),
        ],
        marks=[Mark(plan.ask.p99_ms, f"p99 asked for: {plan.ask.p99_ms:g} ms")],
        width=WIDE,
    )
    keys = "".join(
        f'<circle cx="300" cy="{24 + 18 * row}" r="4" fill="{colour}"/><text x="312" y="{28 + 18 * row}">{words}</text>'
        for row, (colour, words) in enumerate(_LEGEND)
    )
    opened = chart.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    head, _, rest = opened.partition(">")
    return f"{head}>{_STYLE}{rest.removesuffix('</svg>')}{keys}</svg>\n"
