"""``make learn`` as a numbered prompt, where there is no full terminal: the same course, line by line."""

from __future__ import annotations

from queue import Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, TextIO

from rich.text import Text
from watchfiles import watch

from course.exercises.catalogue import CatalogueError
from course.exercises.learner import find, grade_answer, peek, take_hint
from course.exercises.state import read_record
from course.exercises.work import open_work, reset_work, work_of
from course.learn.rows import first_open, read_rows, totals
from course.learn.saves import HOW, Saves
from course.learn.show import finding, solution, task
from workbench.terminal import make_table

if TYPE_CHECKING:
    from rich.console import Console

    from course.exercises.catalogue import Catalogue, Exercise

__all__ = ["converse"]

_SAVED = object()
_ROOM_FOR_SKILLS = 120
_HELP = "1.3 opens an exercise · c continue · h hint · s solution · r reset · l list · q quit (h 1.3: of that one)"


def converse(catalogues: list[Catalogue], console: Console, lines: TextIO) -> int:
    """Holds the conversation until ``q`` or the end of `lines`; returns 0."""
    session = _Session(catalogues, console)
    Thread(target=_read, args=(lines, session.events), daemon=True).start()
    session.list_all()
    try:
        while (event := session.events.get()) is not None:
            if event is _SAVED:
                session.check()
            elif not session.obey(str(event)):
                break
    finally:
        session.close()
    return 0


def _read(lines: TextIO, events: Queue[object]) -> None:
    for line in lines:
        events.put(line)
    events.put(None)


class _Session:
    """The course and the exercise that is open."""

    def __init__(self, catalogues: list[Catalogue], console: Console) -> None:
        self.events: Queue[object] = Queue()
        self._catalogues = catalogues
        self._console = console
        self._open: tuple[Catalogue, Exercise] | None = None
        self._stop = Event()
        self._asked = ""

    def list_all(self) -> None:
        """Prints the list and how to go on."""
        rows, wide = read_rows(self._catalogues), self._console.width >= _ROOM_FOR_SKILLS
        skills = ("you learn",) if wide else ()
        table = make_table(self._console, "", "exercise", "min", "state", "points", "hints", *skills)
        for row in rows:
            last = (row.skill,) if wide else ()
            table.add_row(row.name, Text(row.title), str(row.minutes), row.state, row.points, row.hints, *last)
        self._console.print(table)
        self._console.print(totals(rows))
        self._console.print(_HELP)

    def obey(self, line: str) -> bool:
        """Does what a line says; false when it says to quit."""
        word, *rest = line.split() or [""]
        asked, self._asked = self._asked, ""
        try:
            if word == "q":
                return False
            if word == "l":
                self.list_all()
            elif word == "c":
                self._begin(first_open(read_rows(self._catalogues)).name)
            elif word in _COMMANDS:
                _COMMANDS[word](self, *self._chosen(rest), asked)
            elif word:
                self._begin(word)
        except CatalogueError as error:
            self._console.print(Text(str(error), "red"))
            self._console.print(_HELP)
        return True

    def check(self) -> None:
        """Grades the open exercise and says what was found; once solved, shows the solution too."""
        if self._open is None:
            return
        graded = grade_answer(*self._open)
        self._console.print(finding(graded))
        if graded.state == "solved":
            self._console.print(solution(*self._open))
            self._console.print("c goes on with the next exercise, l lists all")

    def close(self) -> None:
        """No longer watches."""
        self._stop.set()

    def hint(self, catalogue: Catalogue, exercise: Exercise, _asked: str) -> None:
        """Takes a hint."""
        self._console.print(Text(f"hint {take_hint(catalogue, exercise)}", "cyan"))

    def reset(self, catalogue: Catalogue, exercise: Exercise, _asked: str) -> None:
        """Begins an exercise anew."""
        backup = reset_work(catalogue, exercise)
        kept = f"; your work is kept in {backup}" if backup else ""
        self._console.print(Text(f"{work_of(catalogue, exercise)} is the starter again{kept}"))

    def solution(self, catalogue: Catalogue, exercise: Exercise, asked: str) -> None:
        """Shows the solution: of what is not solved yet when asked for the second time."""
        name = catalogue.name(exercise)
        if not read_record(name).passed and asked != name:
            self._asked = name
            self._console.print(f"{name} is not solved yet, and h may be enough; s again shows the solution")
            return
        peek(catalogue, exercise)
        self._console.print(solution(catalogue, exercise))

    def _chosen(self, rest: list[str]) -> tuple[Catalogue, Exercise]:
        if rest:
            return find(self._catalogues, rest[0])
        if self._open is None:
            raise CatalogueError("no exercise is open: say which one, such as h 1.3")
        return self._open

    def _begin(self, name: str) -> None:
        self._open = find(self._catalogues, name)
        self.close()
        self._stop = Event()
        saves = Saves(open_work(*self._open))
        self._console.print(task(*self._open))
        Thread(target=_watch, args=(saves, self._stop, self.events), daemon=True).start()
        self.check()


_COMMANDS = {"h": _Session.hint, "s": _Session.solution, "r": _Session.reset}


def _watch(saves: Saves, stop: Event, events: Queue[object]) -> None:
    for _ in watch(saves.folder, watch_filter=saves.concerned, stop_event=stop, raise_interrupt=False, **HOW):
        if saves.fresh() and not stop.is_set():
            events.put(_SAVED)
