"""An incident as a command: planted, shown, fixed and restored; listed, confirmed, told to the console."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from course.incidents import Caller, IncidentError, PlantedFault, read_stories
from course.incidents.__main__ import announced, main
from course.incidents.holder import hold
from course.incidents.watch import SPEED, faster, read_all_rules
from workbench.console.history import History
from workbench.console.pages.learn import open_incident
from workbench.observe.promql import Alert, Evaluator, Grid, Recording, Rules
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path


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
