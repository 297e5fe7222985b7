"""A scheduler of continuous batching with a paged KV cache, as the engine's own decides step by step.

Before each step it chooses what is in it (github.com/openvinotoolkit/openvino.genai, scheduler.hpp, with
``dynamic_split_fuse``): first one token of every sequence that is answering, oldest first; what is left of the step's
tokens goes to prompts, oldest first, in chunks. A sequence gets a block of the cache when its last one is full. Where
none is free, the youngest sequence gives some of its blocks back and later computes those tokens again: preemption.
`planner.tokens.measure` runs both side by side and compares them in every step.
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.tokens.model import blocks_of
from planner.tokens.step_cost import StepWork

__all__ = ["EngineShape", "Scheduler", "Sequence"]


@dataclass(frozen=True)
class EngineShape:
    """The sizes of an engine: blocks of the KV cache, tokens of a block, and tokens of a step at most."""

    blocks: int
    block_tokens: int = 32
    step_tokens: int = 64

    @property
    def kv_tokens(self) -> int:
        """Tokens for which the cache has room."""
        return self.blocks * self.block_tokens


@dataclass(eq=False)
class Sequence:
    """A prompt and the answer that it gets, both counted in tokens.

    Attributes:
        computed: tokens whose keys and values are in the cache; ``blocks`` of it hold them.
        reached: the most that were ever computed: what a preemption took is computed again up to there.
        answered: tokens of the answer so far.
        preemptions: how often it gave blocks back.
        scheduled: its tokens in the step that is being put together; ``paused``: it gave blocks back for that one.
    """

    prompt: int
    output: int
    computed: int = 0
    reached: int = 0
    blocks: int = 0
    answered: int = 0
    preemptions: int = 0
    scheduled: int = 0
    paused: bool = False

    @property
    def left(self) -> int:
        """Tokens to compute before the next one of the answer comes."""
        return self.prompt + self.answered - self.computed

    @property
    def ready(self) -> int:
        """How many of these a step may take: what was lost first, and the newest token alone in a step of its own."""
        return max(max(self.prompt, self.reached) - self.computed, 1)

    @property
    def done(self) -> bool:
        """Whether the answer is complete."""
        return self.answered >= self.output


class Scheduler:
    """All sequences under way, oldest first, and the blocks that none of them holds."""

    def __init__(self, shape: EngineShape) -> None:
        self.shape = shape
        self.sequences: list[Sequence] = []
        self.free = shape.blocks
        self.preemptions = 0
        self._budget = 0

    def add(self, sequence: Sequence) -> None:
        """Takes a sequence in, as the youngest.

        Raises:
            ValueError: it can never be computed, even alone.
        """
        needed = blocks_of(sequence.prompt + sequence.output - 1, self.shape.block_tokens)
        if needed > self.shape.blocks or sequence.prompt < 1 or sequence.output < 1:
            raise ValueError(f"sequence of {needed} blocks: expected 1 to {self.shape.blocks}, and 1 token at least")
        self.sequences.append(sequence)

    def step(self) -> tuple[StepWork, list[Sequence]]:
        """Runs one step: what was in it, and which sequences got a token of their answer, finished ones too."""
        self._budget = self.shape.step_tokens
        for place, sequence in enumerate(self.sequences):
            if sequence.answered and self._budget and not sequence.paused:
                if sequence.left == 1 and self._slack(sequence):  # nearly always, and simulations run for hours
                    sequence.scheduled = 1
                    self._budget -= 1
                else:
                    self._decode(place, sequence)
        for sequence in self.sequences:
            if not sequence.answered and self._budget and not sequence.paused:
                room = self.free * self.shape.block_tokens + self._slack(sequence)
                self._schedule(sequence, min(self._budget, sequence.ready, room))
        return self._compute()

    def _decode(self, place: int, sequence: Sequence) -> None:
        """Schedules an answering sequence, at the cost of the youngest where too few blocks are free."""
        tokens = min(self._budget, sequence.ready)
        needed = blocks_of(sequence.computed + tokens, self.shape.block_tokens) - sequence.blocks
        while needed > self.free:
            victims = [each for each in self.sequences[place + 1 :] if each.computed]
            if not victims:
                return
            self._preempt(victims[-1], needed)
        self._schedule(sequence, tokens)

    def _preempt(self, victim: Sequence, needed: int) -> None:
        """Takes what is needed from the end of a sequence that has more, and everything from another."""
        given = min(victim.blocks, needed)
        victim.blocks -= given
        self.free += given
        victim.computed = min(victim.computed, victim.blocks * self.shape.block_tokens)
        victim.paused = True
        victim.preemptions += 1
        self.preemptions += 1

    def _schedule(self, sequence: Sequence, tokens: int) -> None:
        if tokens:
            more = blocks_of(sequence.computed + tokens, self.shape.block_tokens) - sequence.blocks
            sequence.blocks += more
            self.free -= more
            self._budget -= tokens
            sequence.scheduled = tokens

    def _slack(self, sequence: Sequence) -> int:
        return sequence.blocks * self.shape.block_tokens - sequence.computed

    def _compute(self) -> tuple[StepWork, list[Sequence]]:
        """Computes what is scheduled, and gives the blocks of finished sequences back."""
        sequences = decoded = prefilled = decode_context = prefill_context = 0
        said, done = list[Sequence](), False
        for each in self.sequences:
            each.paused = False
            tokens, before = each.scheduled, each.computed
            if not tokens:
                continue
            sequences += 1
            if tokens == 1 and each.answered:
                decoded += 1
                decode_context += before + 1
            else:
                prefilled += tokens
                prefill_context += tokens * before + tokens * (tokens + 1) // 2
            each.computed, each.scheduled = before + tokens, 0
            each.reached = max(each.reached, each.computed)
            if not each.left:
                each.answered += 1
                said.append(each)
                done = done or each.done
        if done:
            self.free += sum(each.blocks for each in said if each.done)
            self.sequences = [each for each in self.sequences if not each.done]
        return StepWork(sequences, decoded, prefilled, decode_context, prefill_context), said
