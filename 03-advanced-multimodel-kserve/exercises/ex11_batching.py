"""Exercise 11 · Who is in the next step?

A language model computes in steps. In one step it can compute the next token of many answers, and parts of prompts
beside them. A server with *continuous batching* chooses anew before each step, so nobody waits until a whole batch is
done. Write that choice.

`choose` gets all sequences, oldest first, and says how many tokens of each are computed in this step. A sequence has
`left` tokens to compute before its next token of the answer comes: of its prompt at first, later nearly always one.

1. Sequences that are answering (`answered > 0`) come first, oldest first. Each gets all that it has left.
2. What is then left of the `step_tokens` goes to the prompts, oldest first. A prompt that is too long gets a part.
3. A sequence whose first n tokens are computed holds ceil(n / block_tokens) blocks of the KV cache, of which there are
   `blocks` in all. Nobody may get a token for which no block is free. A prompt takes as many tokens as there is room
   for. An answering sequence takes the blocks of another: the youngest that holds any, and is younger than itself, is
   *preempted*. It loses all its blocks, gets nothing in this step, and later computes everything again, its own answer
   included. If that is not enough, the next youngest follows. If nobody younger is left, the sequence itself gets
   nothing in this step.

Say both: the tokens of each sequence, in the same order, and the places of those that are preempted.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Sequence:
    """A prompt and its answer, in tokens; `computed` is how many of both are in the cache."""

    prompt: int
    answered: int
    computed: int

    @property
    def left(self) -> int:
        """Tokens to compute before the next one of the answer comes."""
        return self.prompt + self.answered - self.computed


def choose(sequences: list[Sequence], blocks: int, block_tokens: int, step_tokens: int) -> tuple[list[int], list[int]]:
    """The tokens of each sequence in this step, and the places of the preempted."""
    raise NotImplementedError
