"""Questions that are answered in one's own words, read strictly from Markdown.

A file is a title, then topics (``## ``), each with questions of exactly this form::

    ### id · Question?

    *easy · proof: [file](path), `make target`*

    <details><summary>Answer</summary>

    The model answer.

    **Must say**

    - two to five points

    **Bonus**

    - one to three

    **Common mistakes**

    - one to three

    </details>

    *Follow-up:* Another question.

Instead of ``proof: `` it may say ``source: [title](address)``, where nothing in the repository can prove the answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DIFFICULTIES",
    "SUBJECTS",
    "Difficulty",
    "Question",
    "QuestionError",
    "level_of",
    "parse_questions",
    "read_questions",
]

Difficulty = Literal["easy", "medium", "hard"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")

SUBJECTS: Final = ("level-1", "level-2", "level-3", "operations", "language-models")
"""The files' names without ``.md``, in the order in which a list shows them."""

_HEADING = re.compile(r"^(##|###) (.+)$", re.MULTILINE)
_TITLE = re.compile(r"(?P<id>[a-z0-9]+(?:-[a-z0-9]+)*) · (?P<question>.+\?)")
_LINES = r"(?:[^\n]+\n)*[^\n]+"
_BODY = re.compile(
    rf"\n\n\*(?P<difficulty>easy|medium|hard) · (?P<source>(?:proof|source): {_LINES})\*\n\n"
    r"<details><summary>Answer</summary>\n\n(?P<inside>.+?)\n\n</details>\n\n"
    rf"\*Follow-up:\* (?P<follow_up>{_LINES})\n+",
    re.DOTALL,
)
_SECTION = re.compile(r"\n\n\*\*(Must say|Bonus|Common mistakes)\*\*\n\n")
_LIST = re.compile(r"(?:- [^\n]+\n(?:  [^\n]+\n)*)+")
_BULLET = re.compile(r"^- ", re.MULTILINE)
_RUBRIC: Final = {"Must say": ("must", 2, 5), "Bonus": ("bonus", 1, 3), "Common mistakes": ("mistakes", 1, 3)}


class QuestionError(Exception):
    """A question has another form than its file's; the text says where and which was expected."""


class Question(msgspec.Struct, frozen=True):
    """One question.

    Attributes:
        id: unique among all questions.
        subject: one of `SUBJECTS`; from the file's name.
        topic: the heading above it.
        source: Markdown: ``proof: `` and what in the repository shows it, or ``source: `` and a page.
        answer: Markdown: the model answer.
        must: the points that an answer needs.
        bonus: those that make it a better one.
        mistakes: what people say, and why it is wrong.
        file: where it stands.
        line: on which line, from 1.
    """

    id: str
    subject: str
    topic: str
    question: str
    difficulty: Difficulty
    source: str
    answer: str
    must: tuple[str, ...]
    bonus: tuple[str, ...]
    mistakes: tuple[str, ...]
    follow_up: str
    file: str
    line: int

    @property
    def level(self) -> int:
        """1, 2 or 3; 0 for a subject that belongs to all of them."""
        return level_of(self.subject)

    @property
    def proof(self) -> str:
        """The source without its first word."""
        return self.source.partition(": ")[2]


def level_of(subject: str) -> int:
    """The level of a subject, ``level-3`` has 3; 0 where it belongs to all levels."""
    return int(subject.removeprefix("level-")) if subject.startswith("level-") else 0


def read_questions(folder: Path) -> list[Question]:
    """The questions of every file of a folder, by subject.

    Raises:
        QuestionError: one is not of the form above, an id is given twice, or a file is of no subject.
    """
    for file in sorted(folder.glob("*.md")):
        if file.stem not in SUBJECTS:
            raise QuestionError(f"{file}: expected one of {', '.join(SUBJECTS)}")
    files = [file for subject in SUBJECTS if (file := folder / f"{subject}.md").exists()]
    questions = [q for file in files for q in parse_questions(file.read_text(encoding="utf-8"), str(file))]
    seen: dict[str, Question] = {}
    for question in questions:
        if question.id in seen:
            first = seen[question.id]
            raise QuestionError(f"{question.file}:{question.line}: id {question.id}: taken by line {first.line}")
        seen[question.id] = question
    return questions


def parse_questions(text: str, file: str) -> list[Question]:
    """The questions of one file, which is named for its subject.

    Raises:
        QuestionError: a question is not of the form above.
    """
    subject = file.rpartition("/")[2].removesuffix(".md")
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    topic, questions = "", []
    for heading, end in zip(headings, ends, strict=True):
        if heading[1] == "##":
            topic = heading[2]
            continue
        line = text.count("\n", 0, heading.start()) + 1
        title, body = _TITLE.fullmatch(heading[2]), _BODY.fullmatch(text, heading.end(), end)
        if title is None:
            raise QuestionError(f"{file}:{line}: heading {heading[2]!r}: expected 'id · Question?'")
        where = f"{file}:{line}: {title['id']}"
        if body is None:
            raise QuestionError(f"{where}: expected difficulty and proof, an answer, a follow-up")
        fields = {"subject": subject, "topic": topic, "file": file, "line": line} | title.groupdict()
        fields |= body.groupdict() | _sections(body["inside"], where)
        questions.append(msgspec.convert(fields, Question))
    return questions


def _sections(inside: str, where: str) -> dict[str, str | list[str]]:
    """The model answer and the three lists of what stands between ``<details>`` and its end."""
    answer, *parts = _SECTION.split(inside)
    if parts[::2] != list(_RUBRIC):
        raise QuestionError(f"{where}: {', '.join(parts[::2]) or 'no lists'}: expected {', '.join(_RUBRIC)}")
    lists = zip(_RUBRIC.items(), parts[1::2], strict=True)
    return {"answer": answer} | {field: _points(text, where, name, span) for (name, (field, *span)), text in lists}


def _points(text: str, where: str, name: str, span: list[int]) -> list[str]:
    if _LIST.fullmatch(f"{text}\n") is None:
        raise QuestionError(
            f"{where}: {name}: expected lines that begin with '- ', or with two blanks where one goes on"
        )
    points = [" ".join(each.split()) for each in _BULLET.split(text)[1:]]
    if not span[0] <= len(points) <= span[1]:
        raise QuestionError(f"{where}: {name}: {len(points)} points: expected {span[0]} to {span[1]}")
    return points
