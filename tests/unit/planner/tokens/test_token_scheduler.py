from __future__ import annotations

from random import Random

import pytest

from planner.tokens.model import blocks_of
from planner.tokens.scheduler import EngineShape, Scheduler, Sequence
from planner.tokens.step_cost import StepWork

SHAPE = EngineShape(blocks=8, block_tokens=4, step_tokens=10)


def started(shape: EngineShape, *lengths: tuple[int, int]) -> Scheduler:
    scheduler = Scheduler(shape)
    for prompt, output in lengths:
        scheduler.add(Sequence(prompt, output))
    return scheduler


def test_a_prompt_is_cut_into_chunks_and_its_last_one_gives_the_first_token() -> None:
    scheduler = started(SHAPE, (15, 2))
    assert scheduler.step() == (StepWork(1, 0, 10, 0, 55), [])
    work, said = scheduler.step()
    assert work == StepWork(1, 0, 5, 0, 5 * 10 + 15)
    assert [each.answered for each in said] == [1]
    work, said = scheduler.step()
    assert work == StepWork(1, 1, 0, 16, 0)
    assert said[0].done
    assert (scheduler.sequences, scheduler.free) == ([], 8)


def test_answers_come_first_and_prompts_get_what_is_left_of_the_step() -> None:
    scheduler = started(SHAPE, (4, 5), (4, 5), (20, 1))
    first, _ = scheduler.step()
    assert (first.decoded, first.prefilled) == (0, 10)
    second, said = scheduler.step()
    assert (second.decoded, second.prefilled) == (2, 8)
    assert [each.answered for each in said] == [2, 2]


def test_the_youngest_gives_blocks_back_and_computes_them_again() -> None:
    shape = EngineShape(blocks=4, block_tokens=4, step_tokens=8)
    old, young = Sequence(7, 6), Sequence(8, 4)
    scheduler = Scheduler(shape)
    scheduler.add(old)
    scheduler.add(young)
    steps = 0
    while scheduler.sequences:
        scheduler.step()
        steps += 1
        assert steps < 100
    assert (old.preemptions, young.preemptions) == (0, 1)
    assert (old.answered, young.answered) == (6, 4)
    assert (scheduler.free, scheduler.preemptions) == (4, 1)


def test_a_long_sequence_loses_only_what_is_needed_and_then_its_newest_token_comes_in_a_step_of_its_own() -> None:
    scheduler = started(EngineShape(blocks=6, block_tokens=4, step_tokens=32), (8, 6), (16, 4))
    old, young = scheduler.sequences
    scheduler.step()
    assert (old.blocks, young.blocks, scheduler.free) == (2, 4, 0)
    scheduler.step()
    assert (old.blocks, young.blocks, young.computed, young.answered) == (3, 3, 12, 1)
    while not old.done:
        scheduler.step()
    assert (young.blocks, young.computed, young.preemptions) == (2, 8, 2)
    work, said = scheduler.step()
    assert (work.prefilled, work.decoded, said) == (8, 0, [])
    work, said = scheduler.step()
    assert (work.prefilled, work.decoded, said) == (0, 1, [young])


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_no_block_is_lost_nobody_starves_and_no_step_is_too_large(seed: int) -> None:
    random = Random(seed)
    shape = EngineShape(blocks=random.randint(6, 20), block_tokens=random.choice((1, 4, 16)), step_tokens=12)
    scheduler, added = Scheduler(shape), list[Sequence]()
    for _ in range(30):
        most = shape.kv_tokens
        prompt = random.randint(1, max(most * 2 // 3, 1))
        added.append(Sequence(prompt, random.randint(1, max(most - prompt, 1))))
    waiting, steps = list(added), 0
    while waiting or scheduler.sequences:
        if waiting and random.random() < 0.3:
            scheduler.add(waiting.pop())
        work, said = scheduler.step()
        steps += 1
        held = sum(each.blocks for each in scheduler.sequences)
        assert scheduler.free == shape.blocks - held >= 0
        assert work.tokens <= shape.step_tokens
        assert all(blocks_of(each.computed, shape.block_tokens) <= each.blocks for each in scheduler.sequences)
        assert not scheduler.sequences or work.tokens or said, "nothing was done"
        assert steps < 50_000
    assert all(each.answered == each.output for each in added)


def test_what_can_never_fit_is_refused() -> None:
    scheduler = Scheduler(SHAPE)
    scheduler.add(Sequence(32, 1))
    with pytest.raises(ValueError, match="sequence of 9 blocks: expected 1 to 8"):
        scheduler.add(Sequence(32, 2))
    with pytest.raises(ValueError, match="1 token at least"):
        scheduler.add(Sequence(0, 2))
