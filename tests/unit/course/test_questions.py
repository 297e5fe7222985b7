from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from course.drill import Choice, QuestionError, parse_questions, read_choices, read_questions
from course.drill.bank import read_bank

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# Level 1

## Latency

### p99 · Why p99?

*easy · proof: [sla.toml](../sla.toml), `make sla-1`*

<details><summary>Answer</summary>

Because of the tail.

It has two paragraphs.

**Must say**

- the mean hides
  the tail
- users meet the tail

**Bonus**

- p99s do not add up

**Common mistakes**

- averaging p99s, because an average of percentiles is none

</details>

*Follow-up:* And
p50?

### l-w · How many?

*hard · source: [Little](https://example.org/l-w),
and a book*

<details><summary>Answer</summary>

Four.

**Must say**

- L
- W

**Bonus**

- it needs no distribution

**Common mistakes**

- mixing units

</details>

*Follow-up:* Why?
"""


def test_questions_are_read_from_markdown() -> None:
    first, second = parse_questions(TEXT, "interview/questions/level-1.md")
    assert (first.id, first.level, first.subject, first.topic) == ("p99", 1, "level-1", "Latency")
    assert (first.question, first.difficulty) == ("Why p99?", "easy")
    assert first.source == "proof: [sla.toml](../sla.toml), `make sla-1`"
    assert first.proof == "[sla.toml](../sla.toml), `make sla-1`"
    assert first.answer == "Because of the tail.\n\nIt has two paragraphs."
    assert first.must == ("the mean hides the tail", "users meet the tail")
    assert first.bonus == ("p99s do not add up",)
    assert first.mistakes == ("averaging p99s, because an average of percentiles is none",)
    assert (first.follow_up, first.line) == ("And\np50?", 5)
    assert (second.id, second.difficulty, second.line) == ("l-w", "hard", 34)
    assert second.proof == "[Little](https://example.org/l-w),\nand a book"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("### p99 · Why p99?", "### Why p99?", "heading 'Why p99?': expected 'id · Question?'"),
        ("*easy ·", "*trivial ·", "p99: expected difficulty and proof, an answer, a follow-up"),
        ("</details>", "", "p99: expected difficulty and proof, an answer, a follow-up"),
        ("*Follow-up:* And", "And", "p99: expected difficulty and proof, an answer, a follow-up"),
        ("**Bonus**\n", "", "p99: Must say, Common mistakes: expected Must say, Bonus, Common mistakes"),
        (
            "**Bonus**", "**Must say**",
            "p99: Must say, Must say, Common mistakes: expected Must say, Bonus, Common mistakes",
        ),
        ("- users meet the tail\n", "", "p99: Must say: 1 points: expected 2 to 5"),
        ("- p99s", "- a\n- b\n- c\n- p99s", "p99: Bonus: 4 points: expected 1 to 3"),
        (
            "  the tail", "the tail",
            "p99: Must say: expected lines that begin with '- ', or with two blanks where one goes on",
        ),
    ],
)  # fmt: skip
def test_a_question_of_another_form_is_named_with_its_line(right: str, wrong: str, message: str) -> None:
    with pytest.raises(QuestionError) as caught:
        parse_questions(TEXT.replace(right, wrong, 1), "level-1.md")
    assert str(caught.value) == f"level-1.md:5: {message}"


def test_a_question_without_lists_is_refused() -> None:
    before, _, after = TEXT.partition("\n\n**Must say**")
    without = before + "\n\n</details>" + after.partition("</details>")[2]
    with pytest.raises(QuestionError) as caught:
        parse_questions(without, "level-1.md")
    assert str(caught.value) == "level-1.md:5: p99: no lists: expected Must say, Bonus, Common mistakes"


def test_an_id_is_unique_among_all_files(tmp_path: Path) -> None:
    for name in ("level-1", "operations"):
        (tmp_path / f"{name}.md").write_text(TEXT)
    with pytest.raises(QuestionError, match=r"operations\.md:5: id p99: taken by line 5"):
        read_questions(tmp_path)


def test_a_file_of_no_subject_is_refused(tmp_path: Path) -> None:
    (tmp_path / "level-9.md").write_text(TEXT)
    with pytest.raises(QuestionError, match=r"level-9\.md: expected one of level-1, level-2, level-3, operations"):
        read_questions(tmp_path)


def test_a_subject_that_spans_the_levels_has_level_0(tmp_path: Path) -> None:
    (tmp_path / "language-models.md").write_text(TEXT)
    assert [question.level for question in read_questions(tmp_path)] == [0, 0]


CHOICES = """\
[[choice]]
id = "choice-tail"
subject = "level-3"
topic = "Latency"
difficulty = "medium"
question = "Which figure hides the tail?"
right = "the mean"
wrong = ["the 99th percentile", "the maximum"]
why = "A mean is moved little by few slow requests."
source = "proof: [sla.toml](../sla.toml)"
"""


def read_choice(text: str, folder: Path) -> Choice:
    (folder / "choices.toml").write_text(text)
    return read_choices(folder / "choices.toml")[0]


def test_choices_are_read_from_toml(tmp_path: Path) -> None:
    choice = read_choice(CHOICES, tmp_path)
    assert (choice.id, choice.level, choice.right) == ("choice-tail", 3, "the mean")
    assert choice.wrong == ("the 99th percentile", "the maximum")
    assert read_choices(tmp_path / "none.toml") == []


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('"medium"', '"so-so"', "Invalid enum value 'so-so' - at `$.choice[0].difficulty`"),
        ("why =", "reason =", "Object contains unknown field `reason` - at `$.choice[0]`"),
        ('"level-3"', '"level-7"', "choice-tail: subject level-7: expected one of level-1, level-2, level-3, "),
        (', "the maximum"', "", "choice-tail: options: expected at least 2 wrong ones, all of them different"),
        ("the maximum", "the mean", "choice-tail: options: expected at least 2 wrong ones, all of them different"),
        ("proof: ", "", "choice-tail: source [sla.toml](../sla.toml): expected 'proof: …' or 'source: …'"),
        ('"Latency"', '""', "choice-tail: topic: expected a text"),
    ],
)
def test_a_choice_of_another_form_is_named(right: str, wrong: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(QuestionError) as caught:
        read_choice(CHOICES.replace(right, wrong), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/choices.toml: {message}")


def test_an_id_is_unique_among_all_forms(tmp_path: Path) -> None:
    (tmp_path / "level-1.md").write_text(TEXT)
    (tmp_path / "choices.toml").write_text(CHOICES.replace("choice-tail", "p99"))
    with pytest.raises(QuestionError, match="id p99: taken by another question"):
        read_bank(tmp_path)


def test_the_repository_has_160_questions_and_a_fifth_each_on_operations_and_language_models() -> None:
    bank = read_bank()
    assert len(bank) >= 160
    for subject in ("operations", "language-models"):
        assert sum(item.subject == subject for item in bank) >= 160 / 5
