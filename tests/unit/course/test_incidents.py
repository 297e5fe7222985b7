from __future__ import annotations

import io
import json
from threading import Event
from typing import TYPE_CHECKING

import pytest

from course.incidents import Caller, IncidentError, PlantedFault, StoryError, read_stories
from course.incidents.__main__ import announced, main
from course.incidents.holder import hold
from course.incidents.story import read_story
from tests.patience import until
from workbench.console.pages.learn import open_incident
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STORY = """\
# smoke · There is smoke

Level 1

## What you are told

It smells.

## Where to look

- the kitchen

<details><summary>Cause, evidence, fix</summary>

## Cause

Toast.

## Evidence

Black.

## Fix

Open a window.

## Never again

Look.

</details>
"""


class Smoke:
    """A fault that only notes what is done to it."""

    def __init__(self, why_not: str | None = None, breaks: str = "") -> None:
        self.done: list[str] = []
        self.why_not = why_not
        self.breaks = breaks
        self.looks = 0

    def obstacle(self) -> str | None:
        return self.why_not

    def plant(self) -> None:
        self._do("plant")

    def symptoms(self) -> list[str]:
        self.looks += 1
        return ["smoke"] if self.looks > 2 else []

    def evidence(self) -> list[str]:
        return ["toast"]

    def restore(self) -> None:
        self._do("restore")

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what == self.breaks:
            raise RuntimeError("no window")


def held(fault: Smoke, *questions: str) -> list[dict[str, object]]:
    replies = io.StringIO()
    hold(fault, [f"{question}\n" for question in questions], replies)
    return [json.loads(line) for line in replies.getvalue().splitlines()]


def test_a_fault_is_planted_shown_explained_and_restored() -> None:
    fault = Smoke()
    replies = held(fault, "symptoms", "evidence")
    assert replies == [{"symptoms": ["smoke"]}, {"symptoms": ["smoke"]}, {"evidence": ["toast"]}, {"restored": []}]
    assert fault.done == ["plant", "restore"]


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


def test_a_fault_that_does_not_show_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course.incidents.holder._SHOWS_WITHIN_S", 0.1)
    fault = Smoke()
    fault.looks = -1000
    assert held(fault) == [{"error": "TimeoutError: the fault does not show within 0.1 s"}, {"restored": []}]


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


def test_a_story_has_an_open_part_and_a_folded_one(tmp_path: Path) -> None:
    (tmp_path / "smoke.md").write_text(STORY)
    (tmp_path / "README.md").write_text("# Incidents")
    story = read_stories(tmp_path)["smoke"]
    assert (story.title, story.level) == ("There is smoke", 1)
    assert story.sections["Where to look"] == "- the kitchen"
    assert story.sections["Never again"] == "Look."


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("# smoke", "# fire", "expected to begin with '# smoke · TITLE'"),
        ("Level 1", "Level one", "expected to begin with '# smoke · TITLE'"),
        ("## Fix", "## Remedy", "sections .*Remedy.*: expected What you are told"),
        ("<details>", "<p>", "expected <details>.* before Cause"),
        ("</details>", "", "and </details> at the end"),
    ],
)
def test_a_story_of_another_form_is_refused(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    (tmp_path / "smoke.md").write_text(STORY.replace(right, wrong))
    with pytest.raises(StoryError, match=message):
        read_story(tmp_path / "smoke.md")


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
