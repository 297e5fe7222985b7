"""The interview material is true to the repository: what it names exists, and it is written as it should be."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from course.design import read_design
from course.drill import Question, read_questions
from course.incidents import read_stories
from course.prose import references, targets
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "interview"
PAGES = sorted(FOLDER.rglob("*.md")) + sorted(ROOT.glob("0*-*/exercises/README.md"))
QUESTIONS = read_questions(FOLDER / "questions")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_a_page_links_to_exists(page: Path) -> None:
    for target in references(page.read_text()):
        assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}: no such file or folder"


def test_every_make_target_the_pages_name_exists() -> None:
    named = {target: page for page in PAGES for target in targets(page.read_text())}
    assert named
    for target, page in named.items():
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{page.relative_to(ROOT)}: make {target}: {done.stderr}"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_a_model_answer_has_three_to_eight_sentences_and_a_proof(question: Question) -> None:
    text = re.sub(r"`[^`]*`", "code", question.answer)
    sentences = re.findall(r"[.?!](?=\s+[A-Z`]|$)", text)
    assert 3 <= len(sentences) <= 8, f"{question.id}: {len(sentences)} sentences"
    elsewhere = question.source.startswith("source: ") and "](https://" in question.source
    assert elsewhere or references(question.proof) or targets(question.proof), f"{question.id}: no proof"


def test_each_level_has_enough_questions_of_every_difficulty() -> None:
    for level in {question.level for question in QUESTIONS}:
        difficulties = [question.difficulty for question in QUESTIONS if question.level == level]
        assert len(difficulties) >= 24
        assert all(difficulties.count(each) >= 4 for each in ("easy", "medium", "hard"))


def test_every_incident_has_a_story_and_a_fault() -> None:
    stories = read_stories(FOLDER / "incidents")
    assert len(stories) >= 3
    for story in stories.values():
        assert (FOLDER / "incidents" / f"{story.id.replace('-', '_')}.py").exists()


def test_incidents_that_a_page_names_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"make incident ID=([a-z-]+)", page.read_text())}
    assert named <= set(read_stories(FOLDER / "incidents"))


def test_every_design_has_a_rubric_of_a_hundred_points() -> None:
    assert len([read_design(path) for path in (FOLDER / "design").glob("*.md")]) >= 2
