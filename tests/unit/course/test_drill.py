from __future__ import annotations

import io
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from course.drill import Memory, Question, QuestionError, parse_questions, read_questions
from course.drill.__main__ import main
from course.drill.memory import INTERVALS_D

TODAY = date(2026, 3, 1)
TEXT = """\
# Level 1

## Latency

### p99 · Why p99?

*easy · proof: [sla.toml](../sla.toml), `make sla-1`*

<details><summary>Answer</summary>

Because.

</details>

*Follow-up:* And
p50?

### l-w · How many?

*hard · proof: `make sla-1`*

<details><summary>Answer</summary>

Four.

</details>

*Follow-up:* Why?
"""


def question(name: str) -> Question:
    return Question(name, 1, "Topic", "Why?", "easy", "proof", "Because.", "And?", "level-1.md", 1)


def test_questions_are_read_from_markdown() -> None:
    first, second = parse_questions(TEXT, "level-1.md")
    assert (first.id, first.level, first.topic, first.question) == ("p99", 1, "Latency", "Why p99?")
    assert (first.difficulty, first.proof) == ("easy", "[sla.toml](../sla.toml), `make sla-1`")
    assert (first.answer, first.follow_up, first.line) == ("Because.", "And\np50?", 5)
    assert (second.id, second.difficulty, second.line) == ("l-w", "hard", 18)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("### p99 · Why p99?", "### Why p99?", "level-1.md:5: heading 'Why p99?': expected 'id · Question?'"),
        ("*easy ·", "*trivial ·", "level-1.md:5: p99: expected difficulty and proof, an answer, a follow-up"),
        ("</details>", "", "level-1.md:5: p99: expected difficulty and proof, an answer, a follow-up"),
        ("*Follow-up:* And", "And", "level-1.md:5: p99: expected difficulty and proof, an answer, a follow-up"),
    ],
)
def test_a_question_of_another_form_is_named_with_its_line(right: str, wrong: str, message: str) -> None:
    with pytest.raises(QuestionError) as caught:
        parse_questions(TEXT.replace(right, wrong, 1), "level-1.md")
    assert str(caught.value) == message


def test_an_id_is_unique_among_all_levels(tmp_path: Path) -> None:
    for level in (1, 2):
        (tmp_path / f"level-{level}.md").write_text(TEXT)
    with pytest.raises(QuestionError, match=r"level-2\.md:5: id p99: taken by line 5"):
        read_questions(tmp_path)


def test_the_better_it_went_the_later_it_comes_back(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "drill.json", TODAY)
    assert memory.grade("a", 0).due == TODAY
    assert memory.grade("a", 1).due == TODAY
    assert memory.grade("a", 2).due == TODAY + timedelta(days=1)
    assert memory.grade("a", 3).due == TODAY + timedelta(days=7)
    for _ in range(5):
        last = memory.grade("a", 3)
    assert last.due == TODAY + timedelta(days=INTERVALS_D[-1])
    assert (last.asked, last.grade) == (9, 3)
    assert memory.grade("a", 0).due == TODAY
    assert Memory(tmp_path / "drill.json", TODAY).recalls == memory.recalls


def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "drill.json").write_text("[]")
    assert Memory(tmp_path / "drill.json", TODAY).recalls == {}


def test_due_questions_come_before_those_that_are_known_and_the_seed_decides_the_order(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "drill.json", TODAY)
    questions = [question(name) for name in "abcdef"]
    memory.grade("a", 3)
    memory.grade("b", 2)
    chosen = memory.choose(questions, 5, Random(1))
    assert {q.id for q in chosen[:4]} == set("cdef")
    assert chosen[4].id == "b"  # due tomorrow, "a" only later
    assert chosen == memory.choose(questions, 5, Random(1))
    assert len(memory.choose(questions, 99, Random(1))) == 6
    assert len({tuple(q.id for q in memory.choose(questions, 4, Random(seed))) for seed in range(10)}) > 1


def test_weak_questions_are_drawn_more_often_than_others(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "drill.json", TODAY - timedelta(days=30))
    questions = [question(name) for name in ("weak", "known", "fresh")]
    memory.grade("weak", 0)
    memory.grade("known", 3)
    later = Memory(tmp_path / "drill.json", TODAY)
    first = [later.choose(questions, 1, Random(seed))[0].id for seed in range(300)]
    assert first.count("weak") > first.count("fresh") > first.count("known") > 0


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return monkeypatch


def test_a_drill_reveals_grades_and_remembers(typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed.setattr("sys.stdin", io.StringIO("\nsix\n2\n\n3\n"))
    assert main(["-n", "2", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 2" in printed
    assert printed.count("Follow-up:") == 2
    assert "5 of 6 points, 2 questions" in printed
    memory = Memory(Path(".run/drill.json"), TODAY)
    assert sorted(recall.grade for recall in memory.recalls.values()) == [2, 3]


@pytest.mark.parametrize("keys", ["q\n", "", "\nq\n", "\n"])
def test_a_drill_ends_when_nobody_goes_on(
    typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], keys: str
) -> None:
    typed.setattr("sys.stdin", io.StringIO(keys))
    assert main([]) == 0
    assert "0 of 0 points" in capsys.readouterr().out
    assert not Path(".run").exists()


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
    assert main(["-n", "99"]) == 0
    assert main(["--list"]) == 0
    assert "1 asked" not in listed
    assert "questions, 1 asked so far" in capsys.readouterr().out


def test_a_question_that_does_not_exist_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--show", "why"]) == 2
    assert capsys.readouterr().err == "error: question why: none of these; `make drill ARGS=--list` shows all\n"


def test_an_interrupted_drill_keeps_what_was_graded(
    typed: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> str:
        raise KeyboardInterrupt

    typed.setattr("builtins.input", interrupt)
    assert main([]) == 130
    assert "stopped; what you graded is remembered" in capsys.readouterr().out
