"""What exercise 11 must do: traffic that nobody has seen before, step by step, beside the planner's own scheduler."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from course.exercises import CheckFailedError, expect, expect_equal, load
from planner.tokens.scheduler import EngineShape, Scheduler
from planner.tokens.scheduler import Sequence as Planned

if TYPE_CHECKING:
    from pathlib import Path

STEP_TOKENS, BLOCK_TOKENS = 32, 8
RUNS, REQUESTS, ARRIVES = 6, 25, 0.4
PATIENCE = 3  # times the steps that all tokens need alone, which is more than any preemption costs


class Server:
    """Does what is chosen, and checks that it can be done."""

    def __init__(self, module: Any, blocks: int) -> None:
        self.module, self.blocks = module, blocks
        self.sequences: list[Any] = []
        self.outputs: list[int] = []
        self.preemptions = 0

    def add(self, prompt: int, output: int) -> None:
        """Takes a request in, as the youngest."""
        self.sequences.append(self.module.Sequence(prompt, 0, 0))
        self.outputs.append(output)

    def step(self) -> list[int]:
        """One step; the tokens that were chosen for each sequence."""
        before = [(each.prompt, each.answered, each.computed) for each in self.sequences]
        tokens, preempted = self.module.choose(list(self.sequences), self.blocks, BLOCK_TOKENS, STEP_TOKENS)
        told = f"{len(before)} sequences {before[:4]}, {self.blocks} blocks of {BLOCK_TOKENS}: {tokens[:4]}"
        expect_equal(f"{told}: the number of counts", len(tokens), len(before))
        expect_equal(f"{told}: the sequences", [(s.prompt, s.answered, s.computed) for s in self.sequences], before)
        self._check(tokens, preempted, told)
        for place in preempted:
            self.sequences[place].computed = 0
        self.preemptions += len(preempted)
        for each, count in zip(self.sequences, tokens, strict=True):
            each.computed += count
            each.answered += bool(count) and not each.left
        going = [s.answered < output for s, output in zip(self.sequences, self.outputs, strict=True)]
        self.sequences = [each for each, stays in zip(self.sequences, going, strict=True) if stays]
        self.outputs = [each for each, stays in zip(self.outputs, going, strict=True) if stays]
        return list(tokens)

    def _check(self, tokens: list[int], preempted: list[int], told: str) -> None:
        expect(sum(tokens) <= STEP_TOKENS, f"{told}: {sum(tokens)} tokens: expected {STEP_TOKENS} at most")
        held = 0
        for place, (each, count) in enumerate(zip(self.sequences, tokens, strict=True)):
            expect(0 <= count <= each.left, f"{told}: {count} for one that has {each.left} left")
            expect(not (count and place in preempted), f"{told}: place {place} is preempted and gets {count}")
            held += 0 if place in preempted else -(-(each.computed + count) // BLOCK_TOKENS)
        expect(held <= self.blocks, f"{told}: {held} blocks are held: expected {self.blocks} at most")


def check_a_prompt_that_is_too_long_is_cut(answer: Path) -> None:
    server = Server(load(answer), 100)
    server.add(70, 2)
    expect_equal("a prompt of 70 in steps of 32", [server.step() for _ in range(4)], [[32], [32], [6], [1]])


def check_answers_come_before_prompts(answer: Path) -> None:
    module = load(answer)
    server = Server(module, 100)
    for prompt in (10, 12, 90):
        server.add(prompt, 9)
    expect_equal("prompts of 10, 12 and 90, in steps of 32", server.step(), [10, 12, 10])
    expect_equal("the next step: two are answering", server.step(), [1, 1, 30])


def check_the_youngest_gives_way(answer: Path) -> None:
    module = load(answer)
    three = [module.Sequence(15, 2, 16), module.Sequence(8, 1, 8), module.Sequence(16, 0, 8)]
    expect_equal("two need a block each, and one is free", _chosen(module, three, 5), ([1, 1, 0], [2]))
    two = [module.Sequence(8, 1, 8), module.Sequence(15, 2, 16)]
    expect_equal("nobody is younger than the second, and one block is free", _chosen(module, two, 4), ([1, 0], []))
    both = [module.Sequence(24, 1, 24), module.Sequence(8, 1, 8), module.Sequence(8, 1, 8)]
    expect_equal("a block for each, and none is free", _chosen(module, both, 5), ([1, 0, 0], [2]))


def _chosen(module: Any, sequences: list[Any], blocks: int) -> tuple[list[int], list[int]]:
    tokens, preempted = module.choose(sequences, blocks, BLOCK_TOKENS, STEP_TOKENS)
    return list(tokens), list(preempted)


def check_with_room_for_all_it_chooses_as_the_planner_does(answer: Path) -> None:
    module, random = load(answer), Random()  # noqa: S311 - examples
    for _ in range(RUNS):
        server, planned = Server(module, 10_000), Scheduler(EngineShape(10_000, BLOCK_TOKENS, STEP_TOKENS))
        coming = [(random.randint(1, 90), random.randint(1, 40)) for _ in range(REQUESTS)]
        while coming or server.sequences:
            if coming and random.random() < ARRIVES:
                prompt, output = coming.pop()
                server.add(prompt, output)
                planned.add(Planned(prompt, output))
            told = [(each.prompt, each.answered, each.computed) for each in server.sequences]
            work, _ = planned.step()
            expect_equal(f"{told[:5]}, all blocks free: the tokens of the step", sum(server.step()), work.tokens)
            seen = [(each.prompt, each.answered, each.computed) for each in server.sequences]
            expected = [(each.prompt, each.answered, each.computed) for each in planned.sequences]
            expect_equal(f"{told[:5]}: what the step made of them", seen, expected)


def check_in_little_memory_everybody_is_answered(answer: Path) -> None:
    module, random = load(answer), Random()  # noqa: S311 - examples
    preemptions = 0
    for _ in range(RUNS):
        blocks = random.randint(14, 22)
        server = Server(module, blocks)
        coming = [(random.randint(1, 60), random.randint(20, 50)) for _ in range(REQUESTS)]
        most = PATIENCE * sum(-(-prompt // STEP_TOKENS) + output for prompt, output in coming)
        steps = 0
        while coming or server.sequences:
            if coming and random.random() < ARRIVES:
                server.add(*coming.pop())
            server.step()
            steps += 1
            if steps > most:
                told = [(each.prompt, each.answered, each.computed) for each in server.sequences][:4]
                raise CheckFailedError(f"{blocks} blocks: not done after {steps} steps: {told} left: nobody gives way?")
        preemptions += server.preemptions
    expect(preemptions > 0, "nobody was ever preempted, though the answers do not fit together")
