from __future__ import annotations

from pathlib import Path

import pytest

from assistant.commands import sla
from assistant.load.promise import judge, percentile, read_promise
from assistant.load.quality import tells
from assistant.load.streams import Asked, Seen

TOML = Path(sla.__file__).parents[1] / "sla.toml"
ASKED = Asked(3, "What does it cost?", 8)


def seen(first_s: float = 0.1, per_token_s: float = 0.01, status: int = 200, text: str = "right") -> Seen:
    return Seen(ASKED, status, text, first_s, per_token_s, 1.0, (10, 5))


def kept(run: list[Seen], cancel_s: tuple[float, ...] = (0.01,), told: float = 1.0) -> dict[str, bool]:
    return {line.what: line.kept for line in judge(read_promise(TOML), run, {ASKED: "right"}, told, cancel_s)}


def test_a_good_run_keeps_every_line_of_the_promise() -> None:
    assert all(kept([seen()] * 100).values())


@pytest.mark.parametrize(
    ("run", "broken"),
    [
        ([seen()] * 90 + [seen(first_s=60)] * 10, "first token, p99 (ms)"),
        ([seen()] * 90 + [seen(per_token_s=9)] * 10, "per output token, p99 (ms)"),
        ([seen()] * 90 + [seen(status=429)] * 10, "goodput (share that met both)"),
        ([seen()] * 99 + [seen(text="wrong")], "answers as the engine's own"),
    ],
)
def test_each_line_can_be_broken(run: list[Seen], broken: str) -> None:
    assert not kept(run)[broken]


def test_a_cancellation_that_takes_too_long_breaks_the_promise() -> None:
    assert not kept([seen()] * 100, (0.01, 5.0))["cancelled within, worst (ms)"]


def test_answers_that_tell_no_facts_break_the_promise() -> None:
    assert not kept([seen()] * 100, told=0.5)["answers that tell their fact"]


@pytest.mark.parametrize(
    ("question", "text", "told"),
    [
        ("What does it cost?", "It costs 8.31 EUR.", True),
        ("What does it cost?", "It costs 18.31 EUR.", False),
        ("What is it?", "It is a phone.", True),
        ("What is it?", "It is a telephone book.", False),
        ("How many reviews are there?", "It has 12 reviews.", False),
        ("How many reviews are there?", "It has 1 review.", True),
    ],
)
def test_an_answer_is_right_when_it_tells_the_fact_itself(question: str, text: str, *, told: bool) -> None:
    facts = {"price": "8.31 EUR", "rating": "4.3 of 5 stars", "number of reviews": 1, "category": "phones"}
    assert tells(question, text, facts) is told


def test_a_run_without_an_answer_keeps_nothing() -> None:
    assert not any(kept([], (), 0).values())
    assert not any(kept([seen(status=0)] * 3, (), 0).values())


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
