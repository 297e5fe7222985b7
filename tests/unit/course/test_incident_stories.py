"""How an incident is told and marked: its story, the catalogue of diagnoses, the score of a drill."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from course.incidents import StoryError, read_catalogue, read_stories
from course.incidents.score import DrillOutcome, best_scores, marks_of, record
from course.incidents.story import read_story
from course.incidents.watch import read_all_rules
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from course.incidents import Story

STORY = """\
# smoke · There is smoke

Level 1 · alert SmokeDetected · reference 60 s

## What you are told

It smells.

## Where to look

- the kitchen

<details><summary>The answer</summary>

## Cause

Diagnosis: `toaster` · `burnt-toast`

Toast.

## Evidence

Black.

## Fix

Open a window.

## Never again

Look.

## Debrief

**Application.** A smell.

**Infrastructure.** A hot toaster.

**Data.** Black bread.

## Interview answer

"I looked."

</details>
"""
CATALOGUE = """\
[[component]]
id = "toaster"
title = "the toaster"
levels = [1]

[[component]]
id = "oven"
title = "the oven"
levels = [1, 2]

[[cause]]
id = "burnt-toast"
title = "Toast"
levels = [1]
"""


def test_a_story_has_an_open_part_and_a_folded_one(tmp_path: Path) -> None:
    (tmp_path / "smoke.md").write_text(STORY)
    (tmp_path / "README.md").write_text("# Incidents")
    story = read_stories(tmp_path)["smoke"]
    assert (story.title, story.level) == ("There is smoke", 1)
    assert (story.alert, story.reference_s) == ("SmokeDetected", 60)
    assert (story.component, story.cause) == ("toaster", "burnt-toast")
    assert story.sections["Cause"] == "Toast."
    assert story.sections["Where to look"] == "- the kitchen"
    assert story.sections["Never again"] == "Look."


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("# smoke", "# fire", "expected to begin with '# smoke · TITLE'"),
        ("Level 1", "Level one", "expected to begin with '# smoke · TITLE'"),
        (" · alert SmokeDetected", "", "'Level N · alert NAME · reference SECONDS s'"),
        ("Diagnosis: `toaster`", "Diagnosis: toaster", "Cause: expected to begin with 'Diagnosis: `COMPONENT`"),
        ("**Data.**", "", r"Debrief: expected a paragraph that begins with \*\*Data"),
        ("## Fix", "## Remedy", "sections .*Remedy.*: expected What you are told"),
        ("<details>", "<p>", "expected <details>.* before Cause"),
        ("</details>", "", "and </details> at the end"),
    ],
)
def test_a_story_of_another_form_is_refused(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    (tmp_path / "smoke.md").write_text(STORY.replace(right, wrong))
    with pytest.raises(StoryError, match=message):
        read_story(tmp_path / "smoke.md")


def test_a_diagnosis_is_one_of_those_offered_on_its_level(tmp_path: Path) -> None:
    (tmp_path / "smoke.md").write_text(STORY)
    (tmp_path / "catalogue.toml").write_text(CATALOGUE)
    story, catalogue = read_story(tmp_path / "smoke.md"), read_catalogue(tmp_path / "catalogue.toml")
    catalogue.check(story)
    assert [choice.id for choice in catalogue.components(2)] == ["oven"]
    with pytest.raises(StoryError, match=r"smoke: cause fire: expected one of burnt-toast \(catalogue"):
        catalogue.check(replace(story, cause="fire"))
    with pytest.raises(StoryError, match=r"smoke: component toaster: expected one of oven \("):
        catalogue.check(replace(story, level=2))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('id = "oven"', 'id = "toaster"', "component toaster: expected each id once"),
        ("levels = [1]", "level = 1", "catalogue.toml: Object"),
    ],
)
def test_a_catalogue_of_another_form_is_refused(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    (tmp_path / "catalogue.toml").write_text(CATALOGUE.replace(right, wrong))
    with pytest.raises(StoryError, match=message):
        read_catalogue(tmp_path / "catalogue.toml")


def test_every_story_names_a_rule_that_there_is_and_a_diagnosis_that_can_be_chosen() -> None:
    folder = ROOT / "interview" / "incidents"
    alerts = {alert.name for alert in read_all_rules().alerts}
    catalogue = read_catalogue(folder / "catalogue.toml")
    for story in read_stories(folder).values():
        assert story.alert in alerts
        catalogue.check(story)


def smoke(tmp_path: Path) -> Story:
    """The story of a reference of 60 s: 40 for the diagnosis."""
    (tmp_path / "smoke.md").write_text(STORY)
    return read_story(tmp_path / "smoke.md")


GOOD = DrillOutcome(detect_s=5, diagnose_s=40, mitigate_s=60, component=True, cause=True)


@pytest.mark.parametrize(
    ("outcome", "score"),
    [
        (GOOD, 100),
        (replace(GOOD, cause=False), 55),
        (replace(GOOD, component=False), 65),
        (replace(GOOD, mitigate_s=None), 75),
        (replace(GOOD, mitigate_s=150), 95),
        (replace(GOOD, mitigate_s=1000), 90),
        (replace(GOOD, diagnose_s=100), 93),
        (replace(GOOD, detect_s=180), 95),
        (DrillOutcome(), 0),
    ],
)
def test_marks_are_for_the_diagnosis_the_repair_and_the_time(tmp_path: Path, outcome: DrillOutcome, score: int) -> None:
    marks = marks_of(outcome, smoke(tmp_path))
    assert marks.score == score
    assert sum(most for _, _, most in marks.lines) == 100


def test_drills_are_kept_in_a_list_and_the_best_one_counts(tmp_path: Path) -> None:
    file, when = tmp_path / "incidents.json", datetime(2026, 11, 29, 12, tzinfo=UTC)
    story = smoke(tmp_path)
    for outcome in (GOOD, DrillOutcome(detect_s=1.23)):
        record(file, story, outcome, when)
    assert json.loads(file.read_bytes())[1] == {
        "id": "smoke", "score": 10, "date": "2026-11-29T12:00:00+00:00", "detect_s": 1.2, "diagnose_s": None,
        "mitigate_s": None,
    }  # fmt: skip
    assert best_scores(file) == {"smoke": 100}
    file.write_text("[")
    assert best_scores(file) == {}
    record(file, story, GOOD, when)
    assert best_scores(file) == {"smoke": 100}
    assert file.with_suffix(".damaged").read_text() == "["
