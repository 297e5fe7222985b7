from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from course.drill import AnswerGrade, Memory, MemoryUnreadableError
from course.drill.order import in_order, topics, weakest
from tests.unit.course.drilled import CHOICE, NOW, memory_at, question

if TYPE_CHECKING:
    from pathlib import Path

    from course.drill.bank import Item

NONE, PARTS, POINT, BEST = (AnswerGrade(grade, grade, 3) for grade in range(4))


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
