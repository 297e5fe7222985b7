from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from course.drill import AnswerGrade, Choice, Memory, MemoryUnreadableError, Question
from course.drill.__main__ import main
from course.drill.ask import ask
from course.drill.dialogue import Dialogue, StoppedError, read_number
from course.drill.grade import from_points
from course.drill.numeric import Draw, Numeric, Results, numeric
from course.drill.order import in_order, topics, weakest
from course.drill.session import Session, after
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from course.drill.bank import Item

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NONE, PARTS, POINT, BEST = (AnswerGrade(grade, grade, 3) for grade in range(4))
CHOICE = Choice(
    id="choice-tail", subject="level-3", topic="Latency", difficulty="medium", question="Which figure hides the tail?",
    right="the mean", wrong=("the 99th percentile", "the maximum"), why="Few slow requests hardly move a mean.",
    source="proof: [sla.toml](../sla.toml)",
)  # fmt: skip


@numeric(id="number-servers", subject="level-1", topic="Scale", difficulty="easy", source="source: [x](https://x.org)")
def servers(draw: Draw) -> Numeric:
    """How many servers a rate needs."""
    rate = draw.integer(100, 900, 100)
    own = draw.results.sla(1)
    each = 10 if own is None else round(own.rate_rps)
    return Numeric(
        question=f"A server answers {each}/s. How many for {rate}/s?", answer=rate / each, unit="servers",
        tolerance=0.02, working=f"{rate} ÷ {each}", must=("headroom",),
    )  # fmt: skip


def question(name: str, topic: str = "Topic") -> Question:
    return Question(
        name, "level-1", topic, "Why?", "easy", "proof: `make sla-1`", "Because of this.",
        ("first point", "second point", "third point"), ("extra",), ("a mistake, because it is",),
        "And?", "level-1.md", 1,
    )  # fmt: skip


def memory_at(path: Path, moment: datetime = NOW) -> Memory:
    return Memory(path / "drill.json", lambda: moment)


def dialogue(monkeypatch: pytest.MonkeyPatch, typed: str) -> Dialogue:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return Dialogue(make_console())


def test_the_grade_follows_from_the_points_that_were_said() -> None:
    must = ("a", "b", "c")
    assert from_points(must, frozenset(), bonus=True) == AnswerGrade(0, 0, 3, must)
    assert from_points(must, frozenset({1}), bonus=False) == AnswerGrade(0, 1, 3, ("a", "c"))
    assert from_points(must, frozenset({0, 2}), bonus=True) == AnswerGrade(1, 2, 3, ("b",))
    assert from_points(must, frozenset({0, 1, 2}), bonus=False) == AnswerGrade(2, 3, 3)
    assert from_points(must, frozenset({0, 1, 2}), bonus=True) == AnswerGrade(3, 3, 3)


def test_the_better_it_went_the_later_it_comes_back(tmp_path: Path) -> None:
    memory = memory_at(tmp_path)
    answers = zip("abcd", (NONE, PARTS, POINT, BEST), strict=True)
    days = [(memory.grade(name, graded).due - NOW) / timedelta(days=1) for name, graded in answers]
    assert days[0] == pytest.approx(10 / 24 / 60)
    assert days[1] == pytest.approx(15 / 24 / 60)
    assert 1 <= days[2] <= 4 < days[3] <= 14
    again = memory_at(tmp_path)
    assert again.recalls == memory.recalls
    assert [again.recalls[name].grade for name in "abcd"] == [0, 1, 2, 3]
    assert not again.due("a")
    assert memory_at(tmp_path, NOW + timedelta(minutes=10)).due("a")


def test_intervals_grow_with_every_success_and_shrink_after_a_miss(tmp_path: Path) -> None:
    moment, gaps = NOW, []
    for _ in range(4):
        due = memory_at(tmp_path, moment).grade("a", POINT).due
        gaps.append(due - moment)
        moment = due
    assert gaps == sorted(gaps)
    assert gaps[0] < gaps[-1]
    missed = memory_at(tmp_path, moment).grade("a", NONE)
    assert missed.due == moment + timedelta(minutes=10)
    assert missed.asked == 5
    back = memory_at(tmp_path, missed.due).grade("a", POINT)
    assert back.due - missed.due < gaps[-1]


def test_what_is_expected_of_a_question_fades(tmp_path: Path) -> None:
    memory_at(tmp_path).grade("a", AnswerGrade(1, 2, 4))
    expected = [memory_at(tmp_path, NOW + timedelta(days=day)).expected("a") for day in (0, 1, 10, 100)]
    assert expected[0] == pytest.approx(0.5)
    assert expected == sorted(expected, reverse=True)
    assert memory_at(tmp_path).expected("never asked") == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"questions": {"a": {"due": 1}}}'])
def test_a_memory_that_cannot_be_read_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "drill.json").write_text(text)
    with pytest.raises(MemoryUnreadableError, match="expected what make drill writes; move it away to begin anew"):
        memory_at(tmp_path)
    assert (tmp_path / "drill.json").read_text() == text


def test_a_memory_of_the_earlier_form_is_taken_over_once(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"known": {"box": 4, "due": "2026-03-15", "asked": 6, "grade": 3},
                               "missed": {"box": 0, "due": "2026-02-20", "asked": 2, "grade": 0}}))  # fmt: skip
    memory = Memory(tmp_path / "new.json", lambda: NOW, old)
    assert memory.recalls["known"].due == datetime(2026, 3, 15, tzinfo=UTC)
    assert (memory.recalls["known"].asked, memory.recalls["known"].share) == (6, 1)
    assert memory.due("missed")
    assert not memory.due("known")
    memory.grade("missed", POINT)
    assert memory.grade("known", POINT).due > NOW + timedelta(days=21)
    old.write_text("{}")
    assert Memory(tmp_path / "new.json", lambda: NOW, old).recalls == memory.recalls


def test_an_earlier_memory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("[]")
    assert Memory(tmp_path / "new.json", lambda: NOW, tmp_path / "old.json").recalls == {}
    assert not (tmp_path / "new.json").exists()


def test_weak_topics_come_first_and_due_questions_before_new_ones(tmp_path: Path) -> None:
    items: list[Item] = [
        question(f"{topic}-{number}", topic) for topic in ("strong", "weak", "fresh") for number in range(4)
    ]
    before = memory_at(tmp_path, NOW - timedelta(days=60))
    for name, graded in (("strong-0", POINT), ("strong-1", POINT), ("weak-0", PARTS), ("weak-1", NONE)):
        before.grade(name, graded)
    memory = memory_at(tmp_path)
    memory.grade("strong-2", BEST)
    ordered = [item.id for item in in_order(items, memory, Random(1))]
    assert set(ordered[:2]) == {"weak-0", "weak-1"}
    assert ordered[2] in {"weak-2", "weak-3"}
    assert set(ordered[3:5]) == {"strong-0", "strong-1"}
    assert ordered[5] in {"weak-2", "weak-3"}
    assert {name.partition("-")[0] for name in ordered[6:10]} == {"fresh"}
    assert ordered[10:] == ["strong-3", "strong-2"]
    assert len(set(ordered)) == len(items)


def test_the_seed_decides_the_order(tmp_path: Path) -> None:
    items: list[Item] = [question(name) for name in "abcdef"]
    orders = {tuple(item.id for item in in_order(items, memory_at(tmp_path), Random(seed))) for seed in range(10)}
    assert len(orders) > 1
    assert in_order(items, memory_at(tmp_path), Random(1)) == in_order(items, memory_at(tmp_path), Random(1))


def test_topics_say_how_well_they_are_known(tmp_path: Path) -> None:
    items: list[Item] = [question("a"), question("b"), question("c", "Other"), CHOICE]
    memory = memory_at(tmp_path)
    memory.grade("a", AnswerGrade(1, 2, 3))
    memory.grade("b", AnswerGrade(0, 0, 3))
    memory.grade("c", AnswerGrade(2, 3, 3))
    topic, other, latency = topics(items, memory_at(tmp_path, NOW + timedelta(minutes=12)))
    assert (topic.name, topic.questions, topic.asked, topic.due) == ("level 1 · Topic", 2, 2, 1)
    assert topic.points == pytest.approx(1 / 3)
    assert other.points == 1
    assert (latency.name, latency.asked, latency.points) == ("level 3 · Latency", 0, None)
    assert [each.name for each in weakest([topic, other, latency])] == ["level 1 · Topic"]


def test_an_answer_in_own_words_is_graded_point_by_point(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    talk = dialogue(monkeypatch, "\nsix\n4\n\n1, 3 a\n")
    assert ask(question("a"), talk, Random(1), Results(tmp_path)) == AnswerGrade(1, 2, 3, ("second point",))
    printed = capsys.readouterr().out
    assert printed.count("expected the numbers of the points that you said, such as 1 2 a") == 3
    said = [
        printed.index(text)
        for text in ("Because of this.", "a mistake", "Proof: make sla-1", "1 first point", "a extra")
    ]
    assert said == sorted(said)


@pytest.mark.parametrize(("typed", "grade"), [("all", 2), ("ALL a", 3), ("3 2 1", 2), ("0", 0), ("none", 0), ("a", 0)])
def test_points_are_ticked_by_number_letter_or_word(monkeypatch: pytest.MonkeyPatch, typed: str, grade: int) -> None:
    assert ask(question("a"), dialogue(monkeypatch, f"\n{typed}\n"), Random(1), Results()).grade == grade


def test_a_choice_is_shuffled_by_its_seed_and_graded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = {tuple(CHOICE.options(Random(seed))) for seed in range(50)}
    assert len(orders) == 6
    right = CHOICE.options(Random(5)).index("the mean") + 1
    assert ask(CHOICE, dialogue(monkeypatch, f"0\n9\nx\n{right}\n"), Random(5), Results()) == AnswerGrade(2, 1, 1)
    assert "Few slow requests hardly move a mean." in capsys.readouterr().out
    other = right % 3 + 1
    assert ask(CHOICE, dialogue(monkeypatch, f"{other}\n"), Random(5), Results()) == AnswerGrade(0, 0, 1, ("the mean",))
    assert f"not so: {right} is" in capsys.readouterr().out


def right_number(seed: int) -> float:
    return servers.ask(Draw(Random(seed), Results())).answer


def test_a_number_has_two_attempts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = f"{right_number(3):g}"
    assert ask(servers, dialogue(monkeypatch, f"{right} servers\n"), Random(3), Results()) == AnswerGrade(2, 1, 1)
    second = ask(servers, dialogue(monkeypatch, f"3 cats\n7000\n{right}\n"), Random(3), Results())
    assert (second.grade, second.share) == (1, 0.5)
    printed = capsys.readouterr().out
    assert "3 cats: expected a number in servers, such as 1250 or 0.5" in printed
    assert f"{right} servers: {right}0 ÷ 10" in printed
    assert "• headroom" in printed
    for typed in ("1000\n2000\n", "\n", "1000\n\n"):
        missed = ask(servers, dialogue(monkeypatch, typed), Random(3), Results())
        assert missed == AnswerGrade(0, 0, 1, ("headroom",))


def test_a_number_may_be_of_the_learners_own_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "sla").mkdir()
    report = {"p50_ms": 2.1, "p99_ms": 9.4, "rate_rps": 50, "requests": 3000}
    (tmp_path / "sla" / "1.json").write_text(json.dumps(report))
    with pytest.raises(StoppedError):
        ask(servers, dialogue(monkeypatch, ""), Random(3), Results(tmp_path))
    assert "A server answers 50/s." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,250", 1250), ("12.5 ms", 12.5), ("1e3MS", 1000), ("-.5", -0.5), ("1 000", 1000), ("3 s", None), ("ms", None),
     ("", None), ("1-2", None), ("nan", None)],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, number: float | None) -> None:
    assert read_number(text, "ms") == number


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "in 0 minutes"), (600, "in 10 minutes"), (7200, "in 2 hours"), (86400, "tomorrow"), (8 * 86400, "in 8 days")],
)
def test_the_next_time_is_said_in_words(seconds: float, words: str) -> None:
    assert after(NOW + timedelta(seconds=seconds), NOW) == words


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


@pytest.fixture
def started(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    environment = os.environ | {"COLUMNS": "80", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "shared")])}

    def start(*options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "course.drill", *options], cwd=tmp_path, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    return start


def test_ctrl_c_keeps_what_was_graded(started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    with started("--form", "free") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\nall\n")
        process.stdin.flush()
        while "2 of 5" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]
    assert "stopped; what you graded is remembered" in said
    assert process.returncode == 130
    assert len(Memory(tmp_path / ".learn/drill.json").recalls) == 1
