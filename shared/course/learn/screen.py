"""``make learn`` in a full terminal: the list with a cursor above, what the checks say below."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.console import Group
from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, Static
from watchfiles import awatch

from course.exercises.learner import find, grade_answer, peek, take_hint
from course.exercises.state import read_record
from course.exercises.work import open_work, reset_work, work_of
from course.learn.rows import first_open, read_rows, totals
from course.learn.saves import HOW, Saves
from course.learn.show import finding, solution, task

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.binding import BindingType

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["LearnApp"]

_COLUMNS = ("", "exercise", "min", "state", "points", "hints")


class LearnApp(App[None]):
    """The course on one screen; the exercise under the cursor is the one that a key is about."""

    TITLE = "make learn"
    CSS = """
    DataTable { height: 1fr; }
    VerticalScroll { height: 1fr; border-top: solid gray; padding: 0 1; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        ("c", "open", "continue here"),
        ("h", "hint", "hint"),
        ("s", "solution", "solution"),
        ("r", "reset", "reset"),
        ("tab", "app.focus_next", "scroll"),
        ("q", "quit", "quit"),
    ]

    def __init__(self, catalogues: list[Catalogue]) -> None:
        super().__init__()
        self._catalogues = catalogues
        self._watched = ""
        self._asked = ""

    def compose(self) -> ComposeResult:
        """The parts of the screen, from top to bottom."""
        yield DataTable(cursor_type="row")
        with VerticalScroll():
            yield Static(id="said")
        yield Footer()

    def on_mount(self) -> None:
        """Fills the list and puts the cursor on the first exercise that is not solved."""
        table = self._table()
        for column in _COLUMNS:
            table.add_column(column, key=column)
        rows = read_rows(self._catalogues)
        for row in rows:
            table.add_row(*_cells(row.name), key=row.name)
        self._refresh()
        table.move_cursor(row=rows.index(first_open(rows)))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Says what the exercise under the cursor is, unless it is the one that is being worked on."""
        self._asked = ""
        name = str(event.row_key.value)
        if name != self._watched:
            self._say(task(*find(self._catalogues, name)), Text("\nc, or Enter, opens it.", "dim"))

    def on_data_table_row_selected(self) -> None:
        """Enter does what c does."""
        self.action_open()

    def action_open(self) -> None:
        """Opens the exercise and watches it from now on, in place of the one before."""
        catalogue, exercise = self._here()
        self._watched = catalogue.name(exercise)
        self.run_worker(self._work(catalogue, exercise), group="watch", exclusive=True)

    def action_hint(self) -> None:
        """Takes a hint."""
        self._say(Text(f"hint {take_hint(*self._here())}", "cyan"))
        self._refresh()

    def action_solution(self) -> None:
        """Shows the solution: of what is not solved yet at the second press."""
        catalogue, exercise = self._here()
        name = catalogue.name(exercise)
        if not read_record(name).passed and self._asked != name:
            self._asked = name
            self._say(Text(f"{name} is not solved yet, and h may be enough. s again shows the solution."))
            return
        peek(catalogue, exercise)
        self._say(solution(catalogue, exercise))

    def action_reset(self) -> None:
        """Begins the exercise anew, and keeps the work."""
        backup = reset_work(*self._here())
        kept = f"\nYour work is kept in {backup}." if backup else ""
        self._say(Text(f"{work_of(*self._here())} is the starter again.{kept}"))
        self._refresh()

    async def _work(self, catalogue: Catalogue, exercise: Exercise) -> None:
        saves = Saves(open_work(catalogue, exercise))
        await self._check(catalogue, exercise)
        async for _ in awatch(saves.folder, watch_filter=saves.concerned, **HOW):
            if saves.fresh():
                await self._check(catalogue, exercise)

    async def _check(self, catalogue: Catalogue, exercise: Exercise) -> None:
        about = task(catalogue, exercise)
        self._say(about, Text("checking …", "dim"))
        graded = await asyncio.to_thread(grade_answer, catalogue, exercise)
        parts = [solution(catalogue, exercise)] if graded.state == "solved" else []
        self._say(about, finding(graded), *parts)
        self._refresh()

    def _here(self) -> tuple[Catalogue, Exercise]:
        table = self._table()
        return find(self._catalogues, str(table.get_row_at(table.cursor_row)[0]))

    def _say(self, *parts: RenderableType) -> None:
        self.query_one("#said", Static).update(Group(*parts))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def _refresh(self) -> None:
        table, rows = self._table(), read_rows(self._catalogues)
        for row in rows:
            shown = _cells(row.name, row.title, str(row.minutes), row.state, row.points, row.hints)
            for column, cell in zip(_COLUMNS, shown, strict=True):
                table.update_cell(row.name, column, cell, update_width=True)
        self.query_one(VerticalScroll).border_title = totals(rows)

    def _table(self) -> DataTable[str]:
        return self.query_one(DataTable)


def _cells(*filled: str) -> tuple[str, ...]:
    return filled + ("",) * (len(_COLUMNS) - len(filled))
