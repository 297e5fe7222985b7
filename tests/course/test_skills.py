"""The map of the course: every exercise has a lesson and a question, and every lesson lets its reader check himself."""

from __future__ import annotations

import re

import pytest

from course.drill.bank import FOLDER
from course.drill.questions import read_questions
from course.exercises.catalogue import Catalogue, read_catalogues
from course.skills import PAGE, page
from workbench.versions import ROOT

CATALOGUES = read_catalogues(ROOT)
LAST = {1: 1, 2: 1, 3: 2}
"""Sections at the end of each README that teach nothing: next steps, figures."""


def test_the_map_is_that_of_the_exercises_and_lessons() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make skills writes it"


def test_every_exercise_is_in_a_lesson_and_in_an_interview() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith(("| to ", "| what "))]
    assert len(rows) == sum(len(each.exercises) for each in CATALOGUES)
    assert [row[1] for row in rows if not row[2].strip()] == []
    assert [row[1] for row in rows if not row[3].strip()] == []


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda catalogue: str(catalogue.level))
def test_a_lesson_says_what_one_can_do_afterwards_and_lets_one_check_it(catalogue: Catalogue) -> None:
    text = (catalogue.folder.parent / "README.md").read_text(encoding="utf-8")
    top, *sections = re.split(r"^## \d+\. ", text, flags=re.MULTILINE)
    assert "**You will be able to**" in top
    assert "```mermaid" in top
    names = {catalogue.name(each) for each in catalogue.exercises}
    for section in sections[: len(sections) - LAST[catalogue.level]]:
        found = re.findall(
            r"\*Check yourself: .+\? Exercise \[(\d\.\d)\]\(exercises/README\.md\) answers it\.\*", section
        )
        assert len(found) == 1, section.splitlines()[0]
        assert found[0] in names


ASSISTANT = ROOT / "03-advanced-multimodel-kserve/assistant/README.md"
_CHECK = re.compile(
    r"\*Check yourself: .+?\? (?:Exercise \[(?P<exercise>\d\.\d+)\]\(\.\./exercises/README\.md\)|The question "
    r"\[(?P<question>[\w-]+)\]\(\.\./\.\./interview/questions/language-models\.md\)) answers it\.\*"
)


def test_the_assistants_lesson_lets_one_check_each_section_by_an_exercise_or_a_question_that_exists() -> None:
    top, *sections = re.split(r"^## \d+\. ", ASSISTANT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "**You will be able to**" in top
    exercises = {each.name(exercise) for each in CATALOGUES for exercise in each.exercises}
    questions = {question.id for question in read_questions(FOLDER)}
    for section in sections:
        found = list(_CHECK.finditer(" ".join(section.split())))
        assert len(found) == 1, section.splitlines()[0]
        assert found[0]["exercise"] in exercises or found[0]["question"] in questions


def test_the_assistants_exercises_are_in_its_own_lesson() -> None:
    rows = {line.split(" | ")[1].split("]")[0].lstrip("["): line for line in page().splitlines() if "](../03-" in line}
    for exercise in ("3.9", "3.10", "3.11"):
        assert "assistant/README.md#" in rows[exercise]
