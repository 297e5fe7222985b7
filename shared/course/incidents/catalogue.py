"""The diagnoses to choose from: components of a level and causes, most of them wrong in any one incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from course.incidents.story import StoryError

if TYPE_CHECKING:
    from pathlib import Path

    from course.incidents.story import Story

__all__ = ["Diagnoses", "DiagnosisChoice", "read_catalogue"]


class DiagnosisChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component or a cause.

    Attributes:
        id: what a story calls it.
        title: what the trainee reads.
        levels: where it is offered.
    """

    id: str
    title: str
    levels: tuple[int, ...]


class Diagnoses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All components and causes."""

    component: tuple[DiagnosisChoice, ...]
    cause: tuple[DiagnosisChoice, ...]

    def components(self, level: int) -> list[DiagnosisChoice]:
        """Those of a level, in the order of the file."""
        return [choice for choice in self.component if level in choice.levels]

    def causes(self, level: int) -> list[DiagnosisChoice]:
        """Those that a level may have, in the order of the file."""
        return [choice for choice in self.cause if level in choice.levels]

    def check(self, story: Story) -> None:
        """Checks that a story's diagnosis can be chosen.

        Raises:
            StoryError: its component or cause is not offered on its level.
        """
        for kind, wanted, offered in (
            ("component", story.component, self.components(story.level)),
            ("cause", story.cause, self.causes(story.level)),
        ):
            known = [choice.id for choice in offered]
            if wanted not in known:
                raise StoryError(f"{story.id}: {kind} {wanted}: expected one of {', '.join(known)} (catalogue.toml)")


def read_catalogue(path: Path) -> Diagnoses:
    """The catalogue in a file.

    Raises:
        StoryError: it is not of the form, or an id is there twice.
    """
    try:
        catalogue = msgspec.toml.decode(path.read_bytes(), type=Diagnoses)
    except (OSError, msgspec.DecodeError) as error:
        raise StoryError(f"{path}: {error}") from None
    for kind, choices in (("component", catalogue.component), ("cause", catalogue.cause)):
        ids = [choice.id for choice in choices]
        if twice := {each for each in ids if ids.count(each) > 1}:
            raise StoryError(f"{path}: {kind} {', '.join(sorted(twice))}: expected each id once")
    return catalogue
