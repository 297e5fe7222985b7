from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from course.drill import AnswerGrade
from course.drill.ask import ask
from course.drill.dialogue import StoppedError, read_number
from course.drill.grade import from_points
from course.drill.numeric import Draw, Results
from course.drill.session import after
from tests.unit.course.drilled import CHOICE, NOW, dialogue, question, servers

if TYPE_CHECKING:
    from pathlib import Path


def test_the_grade_follows_from_the_points_that_were_said() -> None:
    must = ("a", "b", "c")
    assert from_points(must, frozenset(), bonus=True) == AnswerGrade(0, 0, 3, must)
    assert from_points(must, frozenset({1}), bonus=False) == AnswerGrade(0, 1, 3, ("a", "c"))
    assert from_points(must, frozenset({0, 2}), bonus=True) == AnswerGrade(1, 2, 3, ("b",))
    assert from_points(must, frozenset({0, 1, 2}), bonus=False) == AnswerGrade(2, 3, 3)
    assert from_points(must, frozenset({0, 1, 2}), bonus=True) == AnswerGrade(3, 3, 3)


def test_an_answer_in_own_words_is_graded_point_by_point(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    talk = dialogue(monkeypatch, "\nsix\n4\n\n1, 3 a\n")
    assert ask(question("a"), talk, Random(1), Results(tmp_path)) == AnswerGrade(1, 2, 3, ("second point",))
    printed = capsys.readouterr().out
    assert printed.count("expected the numbers of the points that you said, such as 1 2 a") == 3
    said = [
        printed.index(text)
        for text in ("Because of this.", "a mistake", "Proof: shared/README.md", "1 first point", "a extra")
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


def test_one_of_a_unit_may_be_written_in_the_singular() -> None:
    assert read_number("1 server", "servers") == 1
    assert read_number("1 serve", "servers") is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "in 0 minutes"), (600, "in 10 minutes"), (7200, "in 2 hours"), (86400, "tomorrow"), (8 * 86400, "in 8 days")],
)
def test_the_next_time_is_said_in_words(seconds: float, words: str) -> None:
    assert after(NOW + timedelta(seconds=seconds), NOW) == words
