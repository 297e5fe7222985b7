"""The ladder: its work, its rungs and the picture of its steps; tests/integration/assistant has the real engines."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from itertools import pairwise

import pytest

from assistant.commands.ladder import main
from assistant.engine.settings import EngineSettings
from assistant.ladder.picture import EMPTY, HELD, PROMPT, TOKEN, WAITING, draw_ways, states
from assistant.ladder.rungs import RUNGS
from assistant.ladder.steps import SEATS, Part, Way
from assistant.ladder.work import answer_all, make_short_work, make_work
from tests.scripted_batch import ScriptedBatch

HOSTILE = "<script>'&\""


def steps_of(sequences: int, *, static: bool) -> int:
    batch, work = ScriptedBatch(), make_short_work()
    steps = list(answer_all(batch, work, sequences, static=static))
    assert batch.said == sum(each.max_tokens for each in work)
    return len(steps)


def test_batches_need_fewer_steps_and_continuous_ones_the_fewest() -> None:
    lengths = [each.max_tokens for each in make_short_work()]
    assert steps_of(1, static=False) == sum(lengths)
    assert steps_of(SEATS, static=True) == max(lengths[:SEATS]) + max(lengths[SEATS:])
    assert max(lengths) <= steps_of(SEATS, static=False) < steps_of(SEATS, static=True)


def test_the_work_is_the_same_in_every_run_and_a_part_of_it_is_its_beginning() -> None:
    assert make_work() == make_work()
    assert make_work(3) == make_work()[:3]


@pytest.mark.parametrize("engine", ["OpenVINO", "llama.cpp"])
def test_each_rung_adds_one_thing_to_the_one_before(engine: str) -> None:
    rungs = [each for each in RUNGS if each.engine == engine]
    for before, after in pairwise(each for each in rungs if not each.crowded):
        changed = {key for key, value in after.settings.items() if before.settings[key] != value}
        assert len(changed) + (before.static != after.static) == 1 + (after.static and "sequences" in changed), after
    one, two = (each for each in rungs if each.crowded)
    assert {**one.settings, "threads": 2} == two.settings
    assert all(EngineSettings(**each.settings) for each in rungs)


def test_no_two_rungs_have_the_same_title() -> None:
    assert max(Counter(each.title for each in RUNGS).values()) == 1


def test_a_text_that_no_rung_has_is_said_with_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "four threads"]) == 2
    said = capsys.readouterr().err
    assert "--only four threads: expected a part of a rung: OpenVINO: one after another, " in said
    assert "llama.cpp: two threads, one core free" in said


def way(*steps: list[Part], static: bool = False, name: str = "a way") -> Way:
    prompts = [5] * (1 + max(part.sequence for step in steps for part in step))
    return Way(name, static, prompts, list(steps), [0.02] * len(steps))


def test_a_row_says_what_a_request_did_in_each_step() -> None:
    found = states(way([Part(0, 5)], [Part(1, 5)], [Part(0, 0), Part(1, 0)], [Part(1, 0)]))
    assert found == [[PROMPT, HELD, TOKEN, ""], [WAITING, PROMPT, TOKEN, TOKEN]]


def test_a_seat_of_a_static_batch_stays_empty_until_the_last_answer_of_the_batch() -> None:
    first = [Part(number, 5) for number in range(SEATS)]
    found = states(way(first, [Part(0, 0)], [Part(0, 0)], [Part(SEATS, 5)], static=True))
    assert found[0] == [PROMPT, TOKEN, TOKEN, ""]
    assert found[1] == [PROMPT, EMPTY, EMPTY, ""]
    assert found[SEATS] == [WAITING, WAITING, WAITING, PROMPT]


def test_the_picture_stands_alone_and_escapes_its_texts() -> None:
    picture = draw_ways([way([Part(0, 5)], [Part(0, 0)], name=HOSTILE)])
    root = ET.fromstring(picture)  # noqa: S314 - our own output
    assert f"{HOSTILE}: 2 steps, 1.0 sequences in each" in "".join(root.itertext())
    assert picture.count('class="token"') == 2  # one in the legend
