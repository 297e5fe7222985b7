"""``console.toml`` beside a level's README: what the console shows of the level and can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

__all__ = ["Action", "Arrow", "Beside", "Box", "Field", "LevelFile", "LevelFileError", "read_level_file"]


class LevelFileError(Exception):
    """A level's ``console.toml`` is not usable; the text names the file and what is wrong."""


class Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the level.

    Attributes:
        id: what arrows call it.
        title: its name on the picture.
        at: column and row, from 0.
        processes: the names of its processes in the level's stack; none for what is outside.
    """

    id: str
    title: str
    at: tuple[float, float]
    processes: tuple[str, ...] = ()


class Arrow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}):
    """Calls from one part to another.

    Attributes:
        source: who calls.
        target: who is called.
        rate: PromQL of the calls a second.
        p99: PromQL of the time within which 99 of 100 are answered, in seconds.
        errors: PromQL of the share that fails.
        slow_s: from which p99 on the arrow is drawn as slow.
    """

    source: str
    target: str
    rate: str
    p99: str = ""
    errors: str = ""
    slow_s: float = float("inf")


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that somebody chooses before an action runs.

    Attributes:
        name: stands in braces in the action's command.
        label: what it means.
        options: one of these; none: a number.
        least: the smallest number.
        most: the largest number.
        at_first: the number that is proposed.
    """

    name: str
    label: str
    options: tuple[str, ...] = ()
    least: int = 0
    most: int = 100
    at_first: int = 0

    def checked(self, value: str | float) -> str:
        """The value as a word of a command.

        Raises:
            ValueError: it is none of the options, or no whole number from `least` to `most`.
        """
        if self.options:
            if value in self.options:
                return str(value)
            raise ValueError(f"{self.label} {value!r}: expected one of {', '.join(self.options)}")
        number = float(value)
        if number != int(number) or not self.least <= number <= self.most:
            raise ValueError(f"{self.label} {value!r}: expected a whole number from {self.least} to {self.most}")
        return str(int(number))


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command that the page can run.

    Attributes:
        title: what it does, in two or three words.
        about: what one will see, in a sentence.
        command: its words; ``{name}`` in one of them stands for a field.
        field: the values to choose.
    """

    title: str
    about: str
    command: tuple[str, ...]
    field: tuple[Field, ...] = ()

    def words(self, values: Mapping[str, str | float]) -> list[str]:
        """The command with the chosen values.

        Raises:
            ValueError: a value is not one of those to choose from.
        """
        chosen = {field.name: field.checked(values[field.name]) for field in self.field}
        return [word.format(**chosen) for word in self.command]


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What runs beside the level where it is asked for, and is shown only then.

    Attributes:
        process: the process of the level's stack that tells.
        dashboard: the name of the file with its panels.
        box: its parts of the picture.
        arrow: the calls between them and the level's own.
    """

    process: str
    dashboard: str
    box: tuple[Box, ...] = ()
    arrow: tuple[Arrow, ...] = ()


class LevelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a level says of itself.

    Attributes:
        title: of its page.
        dashboard: the name of the file with its panels, in ``infra/grafana/dashboards``.
        box: the parts of its picture.
        arrow: the calls between them.
        action: what can be done with it.
        beside: what may run beside it.
    """

    title: str
    dashboard: str
    box: tuple[Box, ...]
    arrow: tuple[Arrow, ...]
    action: tuple[Action, ...] = ()
    beside: tuple[Beside, ...] = ()

    def with_beside(self, processes: Collection[str]) -> LevelFile:
        """The level with the boxes and arrows of what runs beside it, of these processes."""
        running = [each for each in self.beside if each.process in processes]
        boxes = self.box + tuple(box for each in running for box in each.box)
        return msgspec.structs.replace(
            self, box=boxes, arrow=self.arrow + tuple(arrow for each in running for arrow in each.arrow)
        )


def read_level_file(path: Path) -> LevelFile:
    """What a file says.

    Raises:
        LevelFileError: it is not of the form, or an arrow leads to a box that is not there.
    """
    try:
        level = msgspec.toml.decode(path.read_bytes(), type=LevelFile)
    except (OSError, msgspec.DecodeError) as error:
        raise LevelFileError(f"{path}: {error}") from None
    whole = level.with_beside({each.process for each in level.beside})
    known = {box.id for box in whole.box}
    for arrow in whole.arrow:
        if missing := {arrow.source, arrow.target} - known:
            raise LevelFileError(f"{path}: arrow {arrow.source} to {arrow.target}: no box {', '.join(sorted(missing))}")
    return level
