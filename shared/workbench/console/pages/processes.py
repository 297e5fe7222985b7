"""A level's processes as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from workbench.console.pages.doing import killing, switching
from workbench.console.pages.frame import keep_fresh, scrolling
from workbench.console.running import UsageMeter
from workbench.console.units import shown

if TYPE_CHECKING:
    from workbench.console.acting import Actor
    from workbench.console.room import Room, ShownLevel

__all__ = ["processes"]

_COLUMNS = ("process", "state", "uptime", "restarts", "cpu", "memory", "pid", "do")
_DO = """
<q-td :props="props">
  <q-btn flat dense label="kill" :aria-label="'kill ' + props.row.process" v-if="props.row.pid"
    @click="() => $parent.$emit('kill', props.row.process)" />
  <q-btn flat dense :label="props.row.pid ? 'stop' : 'start'" :aria-label="'stop or start ' + props.row.process"
    @click="() => $parent.$emit('switch', props.row.process)" />
</q-td>
"""


def processes(room: Room, level: ShownLevel, actor: Actor) -> None:
    """A row for each, and buttons that kill, stop and start it."""
    columns = [{"name": name, "label": name, "field": name, "align": "left"} for name in _COLUMNS]
    with scrolling():
        table = ui.table(columns=columns, rows=[], row_key="process").classes("w-full")
    table.set_visibility(False)
    table.add_slot("body-cell-do", _DO)
    table.on("kill", lambda event: killing(level.number, str(event.args), actor)())
    table.on("switch", lambda event: switching(level.number, str(event.args), actor)())
    remedy = ui.label(f"Level {level.number} is down: make up-{level.number} starts it.")
    meter = UsageMeter()

    def refresh() -> None:
        state = room.states[level.number]
        usage = meter.measure(each.pid for each in state.processes.values() if each.pid)
        rows = []
        for name, each in state.processes.items():
            row = {"process": name, "state": each.status}
            if each.pid and (used := usage.get(each.pid)):
                row |= {"uptime": shown(each.uptime_s, "s"), "cpu": f"{used.cpu:.0%}", "pid": str(each.pid)}
                row |= {"memory": shown(used.memory, "bytes"), "restarts": str(state.restarts.get(name, 0))}
            rows.append(row)
        table.set_visibility(bool(rows))
        remedy.set_visibility(not rows)
        table.rows[:] = rows
        table.update()

    keep_fresh(refresh)
