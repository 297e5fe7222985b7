from __future__ import annotations

import re
import signal
from datetime import date
from typing import TYPE_CHECKING

import pytest

from course.drill import Memory, QuestionError
from course.drill.__main__ import main
from course.drill.bank import FOLDER
from course.drill.dialogue import Dialogue, StoppedError
from course.drill.mock import Interview, read_classics, write_report
from course.drill.mock.interview import clock_time
from course.drill.numeric import Results
from course.drill.order import topics
from course.drill.session import Session
from tests.interrupted import INTERRUPTED
from tests.patience import GENEROUS_S
from tests.unit.course.drilled import NOW, Teletype, question, start_drill
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from course.drill.bank import Item
    from course.drill.mock import Classic

CLASSIC = """\
id = "short"
title = "Design a short one"
opening = "It is short."

[[stage]]
name = "Ask"
minutes = 3
points = 40
ask = "What first?"
follow_ups = ["And then?", "And at last?"]
model = "Ask about the rate."
must = ["the rate", "the promise"]
bonus = ["the budget"]
mistakes = ["drawing at once, because it is too early"]
read = ["[the promise](../../../03-advanced-multimodel-kserve/sla.toml)"]

[[stage]]
name = "Draw"
minutes = 1
points = 60
ask = "What is in it?"
model = "A server."
must = ["a server", "a store", "a cache"]
bonus = []
mistakes = []
read = ["[the store](../../../shared/README.md)"]
"""


@pytest.fixture
def classic(tmp_path: Path) -> Classic:
    (tmp_path / "mock").mkdir()
    (tmp_path / "mock" / "short.toml").write_text(CLASSIC)
    return read_classics(tmp_path / "mock")[0]


def interview(
    classic: Classic, folder: Path, monkeypatch: pytest.MonkeyPatch, typed: str, minutes: float = 20
) -> tuple[Interview, Memory]:
    teletype = Teletype(typed)
    monkeypatch.setattr("sys.stdin", teletype)
    memory = Memory(folder / "drill.json", lambda: NOW)
    talk = Dialogue(make_console())

    session = Session(talk, memory, Results(), seed=1, clock=teletype.seconds)
    return Interview(talk, session, classic, minutes, teletype.seconds), memory


def test_an_interview_warms_up_goes_through_the_stages_and_counts_the_time(
    classic: Classic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "\n1\n" + "\nall a\n" + "I would ask\n\n\n1 a\n" + "\nall\n"
    held, memory = interview(classic, tmp_path, monkeypatch, typed)
    held.hold([question(name) for name in "abcdef"])
    assert [asked.item.id for asked in held.warm_up] == ["a", "b"]  # four minutes are a fifth of twenty
    assert [recall.grade for recall in memory.recalls.values()] == [0, 3]
    first, second = held.held
    assert (first.points, first.missed, first.notes) == (21, ("the promise",), ("I would ask",))
    assert (round(first.planned_s), first.seconds) == (720, 180)  # comparing it with the rubric takes none of the time
    assert (second.points, second.missed, second.seconds) == (60, (), 60)
    assert held.points == 81
    assert held.seconds == (2 + 2 + 3 + 1) * 60
    printed = capsys.readouterr().out
    assert "20 minutes: 4 of warm-up, 16 of one question; the time stops while you compare" in printed
    assert "Ask · 4:00 of 20:00 · 12:00 for this" in printed
    assert printed.index("And then?") < printed.index("And at last?") < printed.index("Ask about the rate.")
    assert "3:00 of 12:00" in printed
    assert "drawing at once" in printed


def test_no_follow_up_when_the_stage_has_used_its_time(
    classic: Classic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held, _ = interview(classic, tmp_path, monkeypatch, "\n1\n" + "\n\n0\n" + "\n0\n", minutes=3)
    held.hold([question("a")])
    printed = capsys.readouterr().out
    assert "And then?" in printed
    assert "And at last?" not in printed
    assert "the time is used; the rest of the stages was not reached" in printed
    assert [each.stage.name for each in held.held] == ["Ask"]


def test_a_warm_up_ends_with_its_time(classic: Classic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, _ = interview(classic, tmp_path, monkeypatch, "\n1\n" + "\n\n\n0\n" + "\n0\n", minutes=10)
    held.hold([question("a"), question("b")])
    assert [asked.item.id for asked in held.warm_up] == ["a"]


def test_the_report_says_what_was_missed_and_what_to_read(
    classic: Classic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = "\n1\n" + "\nall a\n" + "I would ask\n\n\n1 a\n"
    held, memory = interview(classic, tmp_path, monkeypatch, typed)
    items: list[Item] = [question(name) for name in "ab"]
    with pytest.raises(StoppedError):
        held.hold(items)
    monkeypatch.chdir(ROOT)
    known = topics(items, memory)
    folder = tmp_path / "reports"
    path = write_report(held, known, folder, date(2026, 3, 1))
    assert path == folder / "2026-03-01.md"
    report = path.read_text()
    for part in (
        "# Mock interview, 2026-03-01\n\n**Design a short one**\n\n",
        "\n\n21 of 100 points, in 7:00 of 20:00 minutes.\nNot reached: Draw.\n\n## Points",
        "| Ask | 21 of 40 | 3:00 | 12:00 |\n| Draw | 0 of 60 | not reached | |\n",
        "| Why a? | 1 of 3 | too little of it | 2:00 |\n| Why b? | 3 of 3 | could have written it | 2:00 |\n",
        "## What you did not say\n\nWhy a?\n\n- second point\n- third point\n\nAsk\n\n- the promise\n",
        "## What you typed\n\nAsk\n\n> I would ask\n",
        "## What to read next\n\n- [the promise](",
    ):
        assert part in report
    assert "the store" not in report
    assert "b?\n\n-" not in report
    links = re.findall(r"\]\(([^)]+)\)", report)
    assert [(folder / link).resolve() for link in links] == [
        ROOT / "03-advanced-multimodel-kserve/sla.toml", ROOT / "shared/README.md",
    ]  # fmt: skip
    assert write_report(held, known, folder, date(2026, 3, 1)) == folder / "2026-03-01-2.md"


def test_the_report_names_the_weak_topics(classic: Classic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, memory = interview(classic, tmp_path, monkeypatch, "\n1\n")
    with pytest.raises(StoppedError):
        held.hold([question("a")])
    report = write_report(held, topics([question("a")], memory), tmp_path, date(2026, 3, 1)).read_text()
    assert "## Weak topics\n\n- level 1 · Topic: 33% of the points\n" in report


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("points = 40", "points = 41", "101 points in all stages: expected 100"),
        ('id = "short"', 'id = "long"', "id long: expected short"),
        ('ask = "What first?"', 'ask = ""', "stage Ask: ask: expected a text"),
        ("minutes = 3", "minutes = 0", "stage Ask: minutes 0: expected a number above 0"),
        ("title =", "heading =", "Object contains unknown field `heading`"),
    ],
)
def test_a_classic_of_another_form_is_named(right: str, wrong: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text(CLASSIC.replace(right, wrong))
    with pytest.raises(QuestionError) as caught:
        read_classics(tmp_path)
    assert str(caught.value) == f"{tmp_path}/short.toml: {message}"


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("each", read_classics(FOLDER / "mock"), ids=lambda classic: classic.id)
def test_the_classics_have_rubrics_follow_ups_and_pages_that_exist(each: Classic) -> None:
    assert len(each.stage) >= 6
    for stage in each.stage:
        assert 3 <= len(stage.must) <= 5
        assert stage.bonus
        assert stage.mistakes
        assert stage.follow_ups
        for link in stage.read:
            page, _, anchor = re.findall(r"\]\(([^)]+)\)", link)[0].partition("#")
            assert (FOLDER / "mock" / page).exists(), link
            assert not anchor or anchor in anchors(FOLDER / "mock" / page), link


def test_the_arithmetic_of_the_model_answers() -> None:
    assert 2000 * 0.02 == 40  # requests in flight
    assert -(-2000 // (400 * 0.6)) == 9  # cores, 60 % used
    assert -(-2000 // (400 * 0.6 * 2)) == 5  # of each of three zones, one lost
    assert round(95 / 60 - 1, 2) == 0.58  # more misses
    assert 2 * 100 / 8 == 25  # ms until eight threads have used a limit of two cores


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (59.6, "1:00"), (425, "7:05"), (3600, "60:00")])
def test_times_are_minutes_and_seconds(seconds: float, words: str) -> None:
    assert clock_time(seconds) == words


@pytest.mark.parametrize("minutes", ["5", "500", "nan", "long"])
def test_an_interview_of_another_length_is_refused(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--mock", minutes])
    assert caught.value.code == 2
    assert f"{minutes}: expected" in capsys.readouterr().err


def test_a_classic_that_does_not_exist_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--mock", "20", "--classic", "tic-tac-toe"]) == 2
    assert capsys.readouterr().err == "error: classic tic-tac-toe: expected one of latency-300, low-latency\n"


@pytest.mark.parametrize("classic_id", ["latency-300", "low-latency"])
def test_a_whole_interview_fits_into_80_columns(classic_id: str, tmp_path: Path) -> None:
    def answers() -> str:
        stages = next(each for each in read_classics(FOLDER / "mock") if each.id == classic_id).stage
        return "".join("\n" + "\n" * len(stage.follow_ups) + "1\n" for stage in stages)

    with start_drill(tmp_path, "--mock", "10", "--classic", classic_id, "--seed", "1", "--form", "free") as process:
        said, _ = process.communicate("\nall\n\nall\n" + answers(), timeout=GENEROUS_S)
    assert process.returncode == 0, said
    assert max(map(len, said.splitlines())) <= 80
    reports = list((tmp_path / ".learn/mock").iterdir())
    assert len(reports) == 1
    assert " of 100 points" in reports[0].read_text()
    assert "Not reached" not in reports[0].read_text()
    assert f"points: .learn/mock/{reports[0].name}" in said


def test_ctrl_c_writes_the_report_of_what_was_held(tmp_path: Path) -> None:
    with start_drill(tmp_path, "--mock", "30", "--classic", "latency-300", "--form", "free") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\nall\n\nall\n\n\n1\n")
        process.stdin.flush()
        assert any("Stop the harm" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=GENEROUS_S)[0]
    assert process.returncode in INTERRUPTED
    assert "stopped; what you graded is remembered" in said
    report = next((tmp_path / ".learn/mock").iterdir()).read_text()
    assert "Not reached: Stop the harm; The application layer;" in report
