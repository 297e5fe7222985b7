"""The questions on serving language models say where on the web what they teach can be read."""

from __future__ import annotations

import re

import pytest

from course.drill import Question, read_questions
from course.prose import references
from workbench.versions import ROOT

FOLDER = ROOT / "interview" / "questions"
QUESTIONS = [question for question in read_questions(FOLDER) if question.subject == "language-models"]
LINK = re.compile(r"\[[^\]]+\]\(https://[^)\s]+\)")


def test_there_are_enough_of_every_difficulty() -> None:
    difficulties = [question.difficulty for question in QUESTIONS]
    assert len(QUESTIONS) >= 34
    assert all(difficulties.count(each) >= 8 for each in ("easy", "medium", "hard"))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_every_source_is_made_of_addresses_on_the_web(question: Question) -> None:
    assert question.source.startswith("source: ")
    assert references(question.proof) == []
    assert LINK.search(question.proof)
    assert LINK.sub("", question.proof).strip(", \n") == ""
