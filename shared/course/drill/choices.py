"""Multiple-choice questions, from ``interview/questions/choices.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from course.drill.questions import SUBJECTS, Difficulty, QuestionError, level_of

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

__all__ = ["Choice", "read_choices"]

_LEAST_WRONG = 2


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question with one right option.

    Attributes:
        id: unique among all questions.
        subject: the stem of the file of questions that it belongs to, such as ``level-3``.
        right: the right option.
        wrong: the others, at least two.
        why: Markdown: why the right one is right, and the tempting one is not.
        source: Markdown: ``proof: `` and what in the repository shows it, or ``source: `` and a page.
    """

    id: str
    subject: str
    topic: str
    difficulty: Difficulty
    question: str
    right: str
    wrong: tuple[str, ...]
    why: str
    source: str

    @property
    def level(self) -> int:
        """1, 2 or 3; 0 for a subject that belongs to all of them."""
        return level_of(self.subject)

    def options(self, random: Random) -> list[str]:
        """All options in the order of a lot."""
        return random.sample([self.right, *self.wrong], k=1 + len(self.wrong))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    choice: tuple[Choice, ...] = ()


def read_choices(path: Path) -> list[Choice]:
    """The questions of a file, in its order; none where there is no file.

    Raises:
        QuestionError: a field is missing, unknown or empty, a subject is unknown, or options are too few or equal.
    """
    if not path.exists():
        return []
    try:
        choices = msgspec.toml.decode(path.read_bytes(), type=_File).choice
    except msgspec.MsgspecError as error:
        raise QuestionError(f"{path}: {error}") from None
    for each in choices:
        _check(each, f"{path}: {each.id}")
    return list(choices)


def _check(choice: Choice, where: str) -> None:
    if empty := [name for name, value in msgspec.structs.asdict(choice).items() if not value]:
        raise QuestionError(f"{where}: {empty[0]}: expected a text")
    if choice.subject not in SUBJECTS:
        raise QuestionError(f"{where}: subject {choice.subject}: expected one of {', '.join(SUBJECTS)}")
    if len(choice.wrong) < _LEAST_WRONG or len({choice.right, *choice.wrong}) <= len(choice.wrong):
        raise QuestionError(f"{where}: options: expected at least {_LEAST_WRONG} wrong ones, all of them different")
    if not choice.source.startswith(("proof: ", "source: ")):
        raise QuestionError(f"{where}: source {choice.source}: expected 'proof: …' or 'source: …'")
