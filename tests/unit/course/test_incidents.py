from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

import pytest

from course.incidents import Caller, IncidentError, Objective, PlantedFault, StoryError, read_catalogue, read_stories
from course.incidents.__main__ import announced, main
from course.incidents.holder import hold
from course.incidents.score import DrillOutcome, best_scores, marks_of, record
from course.incidents.story import read_story
from course.incidents.watch import SPEED, faster, read_all_rules
from tests.patience import until
from workbench.console.history import History
from workbench.console.pages.learn import open_incident
from workbench.observe.promql import Alert, Evaluator, Grid, Recording, Rules
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


class Smoke:
    """A fault that only notes what is done to it."""

    def __init__(self, why_not: str | None = None, breaks: str = "") -> None:
        self.done: list[str] = []
        self.why_not = why_not
        self.breaks = breaks
        self.caller = Caller(lambda: 200, 100)

    def obstacle(self) -> str | None:
        return self.why_not

    def plant(self) -> None:
        self._do("plant")

    def symptoms(self) -> list[str]:
        return ["smoke"]

    def evidence(self) -> list[str]:
        return ["toast"]

    def breach(self) -> str | None:
        return "it smells" if self.done[-1:] == ["plant"] else None

    def fix(self) -> None:
        self._do("fix")

    def restore(self) -> None:
        self._do("restore")

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what == self.breaks:
            raise RuntimeError("no window")


def held(fault: Smoke, *questions: str) -> list[dict[str, object]]:
    replies = io.StringIO()
    hold(fault, [f"{question}\n" for question in questions], replies, warm_up_s=0.0)
    return [json.loads(line) for line in replies.getvalue().splitlines()]


def test_a_fault_is_planted_shown_explained_fixed_and_restored() -> None:
    fault = Smoke()
    replies = held(fault, "symptoms", "breach", "evidence", "fix", "breach")
    assert replies == [
        {"planted": []}, {"symptoms": ["smoke"]}, {"breach": ["it smells"]}, {"evidence": ["toast"]}, {"fix": []},
        {"breach": []}, {"restored": []},
    ]  # fmt: skip
    assert fault.done == ["plant", "fix", "restore"]


def test_nothing_is_planted_where_something_is_in_the_way() -> None:
    fault = Smoke(why_not="level 1 is not up: make up-1")
    assert held(fault) == [{"error": "level 1 is not up: make up-1"}]
    assert fault.done == []


def test_whatever_goes_wrong_the_level_is_restored() -> None:
    fault = Smoke(breaks="plant")
    assert held(fault) == [{"error": "RuntimeError: no window"}, {"restored": []}]
    assert fault.done == ["plant", "restore"]
    assert held(Smoke(), "gossip")[1:] == [{"error": "KeyError: 'gossip'"}, {"restored": []}]


def test_a_level_that_cannot_be_restored_is_told() -> None:
    assert held(Smoke(breaks="restore"))[-1] == {"error": "not restored: RuntimeError: no window"}


def test_nothing_is_broken_in_a_level_that_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course.incidents.holder._WELL_WITHIN_S", 0.1)
    fault = Smoke()
    fault.done.append("plant")
    error = {"error": "TimeoutError: the level is not well before anything is broken: it smells"}
    assert held(fault) == [error, {"restored": []}]
    assert fault.done == ["plant", "restore"]


def test_a_holder_that_dies_is_an_error_with_a_remedy(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(IncidentError, match="incident no-such-incident: its process is gone"),
        PlantedFault("no-such-incident", 1),
    ):
        pass
    assert "No module named 'interview.incidents.no_such_incident'" in capfd.readouterr().err


def test_callers_keep_calling_while_nobody_answers() -> None:
    answers, asked = Event(), []

    def send() -> int:
        asked.append(1)
        answers.wait(10)
        return 200

    caller = Caller(send, rate_rps=50)
    caller.start()
    until(lambda: caller.summary().slow > 2)
    waiting = caller.summary()
    assert waiting.ok == 0
    assert waiting.slowest_s > 1
    answers.set()
    until(lambda: caller.summary().ok > 2)
    caller.stop()
    caller.stop()
    assert len(asked) > 10
    assert "calls" in str(caller.summary())


def test_callers_count_what_else_they_are_told() -> None:
    outcomes = iter([503, 200, 503])

    def send() -> int:
        try:
            return next(outcomes)
        except StopIteration:
            raise ConnectionRefusedError from None

    caller = Caller(send, rate_rps=100)
    caller.start()
    until(lambda: "ConnectionRefusedError" in caller.summary().outcomes)
    caller.stop()
    summary = caller.summary()
    assert (summary.ok, summary.outcomes["503"]) == (1, 2)
    assert "2 × 503" in str(summary)


def test_callers_that_never_began_can_be_stopped() -> None:
    caller = Caller(lambda: 200)
    caller.stop()
    assert caller.summary().requests == 0


def test_users_are_promised_good_answers_in_time() -> None:
    answers = iter([200] * 10 + ["wrong answer"])
    promised = Objective(ok=0.95, fast=0.95, within_s=0.5, window_s=60.0)
    caller = Caller(lambda: next(answers), rate_rps=100, objective=promised)
    assert caller.breach() == "no call has ended yet"
    caller.start()
    until(lambda: "wrong answer" in caller.summary(60).outcomes)
    caller.stop()
    assert (caller.breach() or "").endswith("calls were not answered well; 95% are promised")


def test_users_who_still_wait_are_late() -> None:
    answers = Event()

    def send() -> int:
        answers.wait(10)
        return 200

    caller = Caller(send, rate_rps=50, objective=Objective(within_s=0.05))
    caller.start()
    found = until(lambda: (breach := caller.breach()) and "took longer" in breach and breach)
    answers.set()
    caller.stop()
    assert re.fullmatch(r"\d+ of \d+ calls took longer than 50 ms; 95% in time are promised", str(found))


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


def test_windows_offsets_and_waits_of_rules_become_shorter_and_nothing_else() -> None:
    recordings = {"ratio": [Recording("ratio", "rate(a[5m]) > 14.4 * scalar(b offset 1h)", {})]}
    rules = Rules(recordings, [Alert("Slow", "avg_over_time(c[30s]) > 5", 120, {}, {})])
    quick = faster(rules, 20)
    assert quick.recordings["ratio"][0].expression == "rate(a[15000ms]) > 14.4 * scalar(b offset 180000ms)"
    assert (quick.alerts[0].expression, quick.alerts[0].hold_s) == ("avg_over_time(c[1500ms]) > 5", 6)


def test_all_rules_are_still_rules_when_they_are_quick() -> None:
    quick, evaluator = faster(read_all_rules(), SPEED), Evaluator(History(), read_all_rules())
    expressions = [each.expression for found in quick.recordings.values() for each in found]
    expressions += [each.expression for each in quick.alerts]
    assert len(expressions) > 50
    for expression in expressions:
        evaluator.evaluate(expression, Grid(1e9))


def test_incidents_are_listed_without_their_causes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "timeouts" in listed
    assert "SIGSTOP" not in listed


def test_an_incident_that_does_not_exist_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flood"]) == 2
    assert capsys.readouterr().err.startswith("error: incident flood: expected one of ")


@pytest.mark.parametrize("typed", ["n\n", "", "\n"])
def test_nothing_is_broken_without_a_yes(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["--seed", "1"]) == 0
    assert "nothing was broken" in capsys.readouterr().out


def test_an_open_incident_is_told_to_the_console_without_its_cause(tmp_path: Path) -> None:
    file = tmp_path / "incident.json"
    story = read_stories(ROOT / "interview" / "incidents")["timeouts"]
    with announced(story, file):
        said = open_incident(file)
        assert said.startswith("Level 1, open for ")
        assert story.sections["What you are told"] in said
        assert story.sections["Cause"] not in said
    assert open_incident(file).startswith("No incident is open")


def test_an_incident_whose_command_is_gone_is_not_open(tmp_path: Path) -> None:
    file = tmp_path / "incident.json"
    file.write_text('{"level": 1, "pager": "old", "began": 1.0, "pid": 4194305}')
    assert open_incident(file).startswith("No incident is open")
