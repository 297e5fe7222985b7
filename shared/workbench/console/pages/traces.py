"""Traces as waterfalls with their log lines, and SQL over all logs and spans."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nicegui import ui

from workbench.console import tracing
from workbench.console.pages.frame import frame, heading, scrolling
from workbench.console.units import shown
from workbench.observe.errors import ObserveError
from workbench.stack import run_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.console.room import Room

__all__ = ["traces_page"]

_EXAMPLE = (
    "select status, count(*) as requests, max(duration_ms) as slowest from logs where status is not null group by all"
)
_NAME_PX = 16


def traces_page(room: Room, level: int, at: float | None) -> None:
    """Builds the page; with ``at`` it shows the traces that began about then."""
    with frame(room, "Traces and logs"):
        with ui.row().classes("items-end gap-4"):
            which = ui.select({number: f"level {number}" for number in room.levels}, value=level, label="of")
            order = ui.select(list(tracing.ORDERS), value="newest" if at else "slowest", label="first")
            button = ui.button("Show")
        if at:
            ui.label(f"Those that began within ten seconds of {_clock(at)}.")
        listed = ui.column().classes("w-full")
        chosen = ui.column().classes("w-full")

        async def show() -> None:
            found = await asyncio.to_thread(tracing.traces, run_folder(int(which.value)), str(order.value), at)
            listed.clear()
            with listed:
                _list(found, lambda trace_id: _show_trace(chosen, int(which.value), trace_id))

        button.on_click(show)
        ui.timer(0.1, show, once=True)
        _sql(lambda: int(which.value))


def _list(found: list[tracing.TraceSummary], choose: Callable[[str], object]) -> None:
    if not found:
        ui.label("No trace is kept. One request in a hundred leaves one, and so does each that is slow or fails.")
        return
    rows = [
        {
            "began": _clock(each.start),
            "took": shown(each.duration_s, "s"),
            "what": each.name,
            "result": "failed" if each.failed else "",
            "trace": each.trace_id,
        }
        for each in found
    ]
    columns = [{"name": name, "label": name, "field": name, "align": "left"} for name in rows[0]]
    with scrolling():
        table = ui.table(columns=columns, rows=rows, row_key="trace", pagination=10).classes("w-full")
    table.add_slot("body-cell-trace", _OPEN)
    table.on("open", lambda event: choose(str(event.args)))


_OPEN = """
<q-td :props="props"><q-btn flat dense no-caps :label="props.row.trace.slice(0, 8)"
  :aria-label="'open trace ' + props.row.trace" @click="() => $parent.$emit('open', props.row.trace)" /></q-td>
"""


async def _show_trace(place: ui.column, level: int, trace_id: str) -> None:
    place.clear()
    try:
        bars = await asyncio.to_thread(tracing.bars, run_folder(level), trace_id)
    except ObserveError as error:
        with place:
            ui.label(str(error))
        return
    lines = await asyncio.to_thread(tracing.lines_of, run_folder(level), trace_id)
    with place:
        heading(f"Trace {trace_id}")
        with ui.element("ol").classes("w-full list-none").props('aria-label="spans"'):
            for bar in bars:
                _bar(bar)
        heading("Its log lines")
        _answer(lines)


def _bar(bar: tracing.Bar) -> None:
    failed = bar.span.status == "error"
    with ui.element("li").classes("row no-wrap items-center gap-2 w-full"):
        name = f"{bar.span.name} · {shown(bar.span.duration_ns / 1e9, 's')}" + (" · failed" if failed else "")
        ui.label(name).style(f"width: 40%; padding-left: {bar.depth * _NAME_PX}px").classes("text-caption")
        with ui.element("div").style("position: relative; width: 60%; height: 14px").props('aria-hidden="true"'):
            left, width = min(bar.left, 0.995) * 100, max(bar.width, 0.005) * 100
            colour = "#d32f2f" if failed else "#1976d2"
            ui.element("div").style(
                f"position: absolute; height: 100%; left: {left}%; width: {width}%; background: {colour}"
            )


def _sql(level: Callable[[], int]) -> None:
    heading("SQL over logs and spans")
    text = ui.textarea("query", value=_EXAMPLE).classes("w-full")
    with ui.row():
        button = ui.button("Ask")
    place = ui.column().classes("w-full")

    async def ask() -> None:
        answer = await asyncio.to_thread(tracing.query, run_folder(level()), str(text.value))
        place.clear()
        with place:
            _answer(answer)

    button.on_click(ask)


def _answer(answer: tracing.QueryAnswer) -> None:
    if answer.problem or not answer.rows:
        ui.label(answer.problem or "Nothing.").classes("log")
        return
    columns = [{"name": name, "label": name, "field": name, "align": "left"} for name in answer.columns]
    rows = [dict(zip(answer.columns, map(str, row), strict=True)) for row in answer.rows]
    with scrolling():
        ui.table(columns=columns, rows=rows, pagination=20).classes("w-full")


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
