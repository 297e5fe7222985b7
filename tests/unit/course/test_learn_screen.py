"""``make learn`` on a whole screen of 80 columns, keys pressed by Textual's own pilot."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from rich.console import Console
from textual.widgets import DataTable, Static

from course.exercises.catalogue import read_catalogues
from course.exercises.state import note, read_record
from course.learn.__main__ import is_full_terminal
from course.learn.screen import LearnApp
from tests.patience import GENEROUS_S
from tests.small_course import RIGHT, Terminal, write_course

if TYPE_CHECKING:
    from textual.pilot import Pilot

SIZE = (80, 24)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LearnApp:
    monkeypatch.chdir(tmp_path)
    write_course(tmp_path)
    return LearnApp(read_catalogues(Path()))


def save(text: str) -> None:
    work = Path(".learn/7/double.py")
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_text(text)


def said(app: LearnApp) -> str:
    console = Console(width=78, file=io.StringIO())
    with console.capture() as captured:
        console.print(app.query_one("#said", Static).content)
    return captured.get()


def cells(app: LearnApp, row: int) -> list[str]:
    return [str(cell) for cell in app.query_one(DataTable).get_row_at(row)]


async def hear(pilot: Pilot[None], app: LearnApp, text: str) -> str:
    async with asyncio.timeout(GENEROUS_S):
        while text not in said(app):
            await pilot.pause(0.05)
    return said(app)


async def test_the_list_shows_every_exercise_and_fits_into_80_columns(app: LearnApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert cells(app, 0) == ["7.1", "Double", "3", "new", "0/10", "0/3"]
        assert app.query_one(DataTable).virtual_size.width <= 80
        assert "You learn to double." in said(app)
        await pilot.press("down")
        await hear(pilot, app, "You learn to patch.")


async def test_a_save_is_checked_and_the_solution_follows_a_pass(app: LearnApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("c")
        await hear(pilot, app, "not written yet: double (line")
        save("def double(x):\n    return 2 * x if x == 2 else x\n")
        await hear(pilot, app, "double('a') 'a': expected 'aa'")
        save(RIGHT)
        text = await hear(pilot, app, "all 2 checks pass")
        assert "a sum works for words too" in text
        assert "07-level/real.py:2" in text
        assert cells(app, 0)[3:5] == ["solved", "10/10"]
        await pilot.press("down", "enter")
        await hear(pilot, app, "the patch 'open': expected 'patched'")
        await pilot.press("q")
    assert app.return_code == 0


async def test_keys_take_hints_show_a_solution_at_the_second_press_and_reset(app: LearnApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("h", "h")
        await hear(pilot, app, "hint 2 of 3: look at +")
        assert cells(app, 0)[5] == "2/3"
        await pilot.press("s")
        assert "return x + x" not in await hear(pilot, app, "s again shows the solution")
        await pilot.press("s")
        await hear(pilot, app, "return x + x")
        assert read_record("7.1").peeked
        save("my work")
        await pilot.press("r")
        await hear(pilot, app, "Your work is kept in .learn/backups/7.1-")
        assert cells(app, 0)[3] == "begun"


async def test_the_screen_opens_where_the_learner_stands(app: LearnApp) -> None:
    note("7.1", lambda was, now: msgspec.structs.replace(was, passed=now))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert app.query_one(DataTable).cursor_row == 1


@pytest.mark.parametrize(
    ("term", "stream", "full"), [("xterm", Terminal, True), ("dumb", Terminal, False), ("xterm", io.StringIO, False)]
)
def test_a_screen_needs_a_terminal_that_can_draw_it(
    term: str, stream: type[io.StringIO], *, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdin", stream())
    monkeypatch.setattr("sys.stdout", stream())
    assert is_full_terminal() is full
