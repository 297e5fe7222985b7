"""The multiple-choice questions: of every subject, with proofs that exist, and no right option known by its looks."""

from __future__ import annotations

import math
import re
import subprocess

import pytest

from course.drill.choices import Choice, read_choices
from course.drill.questions import SUBJECTS
from course.prose import references, targets
from workbench.versions import ROOT

FOLDER = ROOT / "interview" / "questions"
CHOICES = read_choices(FOLDER / "choices.toml")


def test_there_are_enough_for_every_subject() -> None:
    subjects = [choice.subject for choice in CHOICES]
    assert len(CHOICES) >= 30
    assert all(subjects.count(subject) >= 5 for subject in SUBJECTS)


def test_a_right_option_is_not_known_by_its_length() -> None:
    longest = [choice.id for choice in CHOICES if len(choice.right) > max(map(len, choice.wrong))]
    shortest = [choice.id for choice in CHOICES if len(choice.right) < min(map(len, choice.wrong))]
    assert len(longest) <= 0.35 * len(CHOICES), longest
    assert len(shortest) <= 0.35 * len(CHOICES), shortest


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.id)
def test_a_choice_has_three_wrong_options_and_a_reason_of_two_sentences(choice: Choice) -> None:
    assert choice.id.startswith("choice-")
    assert len(choice.wrong) == 3
    assert 1 <= len(re.findall(r"[.?](?=\s+[A-Z]|\Z)", choice.why)) <= 3
    assert all(option[-1] == "." for option in (choice.right, *choice.wrong))


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.id)
def test_the_source_of_a_choice_is_in_the_repository_or_on_the_web(choice: Choice) -> None:
    assert references(choice.source) or "](https://" in choice.source
    for target in references(choice.source):
        assert (FOLDER / target).exists(), f"{choice.id}: {target}: no such file"


def test_every_make_target_that_a_choice_names_exists() -> None:
    named = {target for choice in CHOICES for target in targets(f"{choice.source} {choice.why}")}
    assert named
    for target in named:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"make {target}: {done.stderr}"


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.id)
def test_the_topic_of_a_choice_is_one_of_its_subjects_file(choice: Choice) -> None:
    file = FOLDER / f"{choice.subject}.md"
    if file.exists():
        assert f"\n## {choice.topic}\n" in file.read_text()


def test_figures_in_the_options_are_computed_again() -> None:
    named = {choice.id: choice for choice in CHOICES}
    late = 1 - 0.99 ** (1 / 8)
    assert "p99.9" in named["choice-fanout"].right
    assert "eight times as strict" in named["choice-fanout"].right
    assert round(100 * (1 - late), 1) == 99.9
    assert 0.01 / late == pytest.approx(8, abs=0.05)
    assert named["choice-retry-storm"].right.startswith(f"{3**3},")
    assert "one of ten cases" in named["choice-batch-delay"].why
    assert 1 - math.exp(-20 * 0.005) == pytest.approx(1 / 10, abs=0.01)
    assert named["choice-zone"].right.startswith(f"{90 * 2 / 3:g} %")
    assert "less than two milliseconds" in named["choice-cpu-limit"].why
    assert 100 / 64 < 2
