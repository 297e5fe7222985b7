from __future__ import annotations

import io
import signal
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from course.drill import Memory
from course.drill.__main__ import main
from course.drill.dialogue import Dialogue
from course.drill.numeric import Results
from course.drill.session import Session
from tests.interrupted import INTERRUPTED
from tests.patience import GENEROUS_S
from tests.unit.course.drilled import NOW, Teletype, dialogue, memory_at, question, servers, start_drill
from workbench.terminal import make_console

if TYPE_CHECKING:
    from course.drill.bank import Item


def test_a_drill_stops_asking_when_the_minutes_are_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    memory = memory_at(tmp_path)
    talk = dialogue(monkeypatch, "\n1\n" * 9)
    session = Session(talk, memory, Results(), seed=1, clock=lambda: 300.0 * len(memory.recalls))  # five minutes each
    session.run([question(name) for name in "abcdefghi"], minutes=20)
    assert [asked.item.id for asked in session.asked] == ["a", "b", "c", "d"]
    assert session.asked[0].seconds == 300
    assert "the 20 minutes are used" in capsys.readouterr().out


def test_within_minutes_a_question_that_went_badly_is_asked_again_when_it_is_due(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    teletype = Teletype("\n0\n" + "\nall\n" * 9)
    monkeypatch.setattr("sys.stdin", teletype)
    memory = Memory(tmp_path / "drill.json", lambda: NOW + timedelta(minutes=teletype.minutes))
    items: list[Item] = [question(name) for name in "abcdefghi"]
    session = Session(Dialogue(make_console()), memory, Results(), seed=1, clock=teletype.seconds)
    session.run(items, minutes=18)
    assert [asked.item.id for asked in session.asked] == list("abcdefagh")  # two minutes each, due after ten more


def test_figures_are_drawn_anew_when_a_question_comes_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    session = Session(dialogue(monkeypatch, "\n" * 6), memory_at(tmp_path), Results(), seed=1)
    for _ in range(6):
        session.ask(servers)
    asked = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("A server answers")]
    assert len(asked) == 6
    assert len(set(asked)) > 1


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return monkeypatch


def test_a_drill_reveals_grades_and_remembers(typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed.setattr("sys.stdin", io.StringIO("\nall\n\n0\n"))
    assert main(["-n", "2", "--seed", "1", "--form", "free", "--level", "1"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 2" in printed
    assert printed.count("Follow-up:") == 2
    assert " points, 2 questions" in printed
    assert "comes back first: level " in printed
    recalls = Memory(Path(".learn/drill.json")).recalls
    assert sorted(recall.grade for recall in recalls.values()) == [0, 2]


@pytest.mark.parametrize("keys", ["q\n", "", "\nq\n", "\n", "\nQ\n"])
def test_a_drill_ends_when_nobody_goes_on(
    typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], keys: str
) -> None:
    typed.setattr("sys.stdin", io.StringIO(keys))
    assert main(["--form", "free"]) == 0
    assert "0 of 0 points" in capsys.readouterr().out
    assert not Path(".learn").exists()


def test_questions_can_be_listed_and_shown_without_a_terminal(
    typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed.setattr("sys.stdin", io.StringIO("\n0\n"))
    assert main(["--list", "--difficulty", "hard", "--level", "1"]) == 0
    listed = capsys.readouterr().out
    assert "coordinated-omission" in listed
    assert "p99-not-mean" not in listed
    assert main(["--show", "p99-not-mean"]) == 0
    shown = capsys.readouterr().out
    assert "Why does a latency promise name p99 and not the mean?" in shown
    assert "Proof: 01-beginner-iris-api/sla.toml, make sla-1" in shown
    assert main(["-n", "1", "--form", "free"]) == 0
    capsys.readouterr()
    assert main(["--list"]) == 0
    assert "questions, 1 asked so far" in capsys.readouterr().out


def test_the_list_keeps_ids_whole_in_80_columns(typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed.setenv("COLUMNS", "80")
    typed.setattr("sys.stdin", io.StringIO("\nall\n"))
    assert main(["-n", "1", "--form", "free"]) == 0
    capsys.readouterr()
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("coordinated-omission ") for line in lines)
    assert any("the point, due" in " ".join(line.split()) for line in lines)


def test_statistics_fit_into_80_columns(typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed.setenv("COLUMNS", "80")
    typed.setattr("sys.stdin", io.StringIO("\nall\n\n0\n"))
    main(["-n", "2", "--seed", "1", "--form", "free", "--level", "1"])
    capsys.readouterr()
    assert main(["--stats"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "████████████" in printed
    assert "100%" in printed
    assert "2 of " in printed
    assert "level 3" in [line.strip() for line in printed.splitlines()]
    assert "weakest: level " in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--show", "why"], "question why: none of these; `make drill ARGS=--list` shows all"),
        (
            ["--level", "1", "--subject", "level-2"],
            "level-2, level 1: none of these; `make drill ARGS=--list` shows all",
        ),
    ],
)
def test_questions_that_do_not_exist_are_an_error(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_memory_that_cannot_be_read_is_an_error(
    typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".learn").mkdir()
    Path(".learn/drill.json").write_text("{")
    typed.setattr("sys.stdin", io.StringIO())
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("error: .learn/drill.json: Input data was truncated: expected what make")


def test_a_memory_that_cannot_be_written_is_an_error(
    typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".learn").touch()
    typed.setattr("sys.stdin", io.StringIO("\nall\n"))
    assert main(["--form", "free"]) == 2
    assert capsys.readouterr().err.startswith("error: .learn")


def test_ctrl_c_keeps_what_was_graded(tmp_path: Path) -> None:
    with start_drill(tmp_path, "--form", "free") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\nall\n")
        process.stdin.flush()
        assert any("2 of 5" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=GENEROUS_S)[0]
    assert "stopped; what you graded is remembered" in said
    assert process.returncode in INTERRUPTED
    assert len(Memory(tmp_path / ".learn/drill.json").recalls) == 1
