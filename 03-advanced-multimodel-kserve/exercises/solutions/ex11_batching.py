"""Exercise 11, solved: answers first, the youngest gives way, prompts get what is left."""

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
    held = [-(-each.computed // block_tokens) for each in sequences]
    tokens, preempted, budget = [0] * len(sequences), list[int](), step_tokens
    for place, each in enumerate(sequences):
        if not each.answered or place in preempted:
            continue
        wanted = min(each.left, budget)
        needed = -(-(each.computed + wanted) // block_tokens)
        while sum(held) - held[place] + needed > blocks:
            younger = [other for other in range(place + 1, len(sequences)) if held[other]]
            if not younger:
                wanted, needed = 0, held[place]
                break
            held[younger[-1]] = 0
            preempted.append(younger[-1])
        tokens[place], held[place], budget = wanted, needed, budget - wanted
    for place, each in enumerate(sequences):
        if not each.answered and place not in preempted:
            room = (blocks - sum(held) + held[place]) * block_tokens - each.computed
            tokens[place] = min(each.left, budget, room)
            held[place] = -(-(each.computed + tokens[place]) // block_tokens)
            budget -= tokens[place]
    return tokens, preempted
