"""Questions, read strictly from Markdown.

A file is a title, then topics (``## ``), each with questions of exactly this form::

    ### id · Question?

    *easy · proof: [file](path), `make target`*

    <details><summary>Answer</summary>

    The model answer.

    </details>

    *Follow-up:* Another question.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DIFFICULTIES", "Difficulty", "Question", "QuestionError", "parse_questions", "read_questions"]

Difficulty = Literal["easy", "medium", "hard"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")

_HEADING = re.compile(r"^(##|###) (.+)$", re.MULTILINE)
_TITLE = re.compile(r"(?P<id>[a-z0-9]+(?:-[a-z0-9]+)*) · (?P<question>.+\?)")
_BODY = re.compile(
    r"\n\n\*(?P<difficulty>easy|medium|hard) · proof: (?P<proof>[^\n]+)\*\n\n"
    r"<details><summary>Answer</summary>\n\n(?P<answer>.+?)\n\n</details>\n\n"
    r"\*Follow-up:\* (?P<follow_up>(?:[^\n]+\n)*[^\n]+)\n+",
    re.DOTALL,
)


class QuestionError(Exception):
    """A question has another form than the one above; the text says where."""


class Question(msgspec.Struct, frozen=True):
    """One question.

    Attributes:
        id: unique among all levels.
        level: 1, 2 or 3; from the file's name.
        proof: Markdown: the files and commands that show the answer to be true.
        file: where it stands.
        line: on which line, from 1.
    """

    id: str
    level: int
    topic: str
    question: str
    difficulty: Difficulty
    proof: str
    answer: str
    follow_up: str
    file: str
    line: int


def read_questions(folder: Path) -> list[Question]:
    """The questions of every ``level-N.md`` in a folder.

    Raises:
        QuestionError: one is not of the form above, or an id is given twice.
    """
    files = sorted(folder.glob("level-[0-9].md"))
    questions = [q for file in files for q in parse_questions(file.read_text(encoding="utf-8"), str(file))]
    seen: dict[str, Question] = {}
    for question in questions:
        if question.id in seen:
            first = seen[question.id]
            raise QuestionError(f"{question.file}:{question.line}: id {question.id}: taken by line {first.line}")
        seen[question.id] = question
    return questions


def parse_questions(text: str, file: str) -> list[Question]:
    """The questions of one file, which is named ``level-N.md``.

    Raises:
        QuestionError: a question is not of the form above.
    """
    level = int(file.removesuffix(".md")[-1])
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    topic, questions = "", []
    for heading, end in zip(headings, ends, strict=True):
        line = text.count("\n", 0, heading.start()) + 1
        if heading[1] == "##":
            topic = heading[2]
            continue
        title, body = _TITLE.fullmatch(heading[2]), _BODY.fullmatch(text, heading.end(), end)
        if title is None:
            raise QuestionError(f"{file}:{line}: heading {heading[2]!r}: expected 'id · Question?'")
        if body is None:
            raise QuestionError(f"{file}:{line}: {title['id']}: expected difficulty and proof, an answer, a follow-up")
        fields = {"level": level, "topic": topic, "file": file, "line": line}
        questions.append(msgspec.convert(fields | title.groupdict() | body.groupdict(), Question))
    return questions
