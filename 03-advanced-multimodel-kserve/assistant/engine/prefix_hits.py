"""How much of the prompts the prefix cache spares, where the library has no counter of it."""

from __future__ import annotations

__all__ = ["PrefixHits"]


class PrefixHits:
    """Tokens of prompts that were in the prefix cache, counted from below.

    A step computes at most so many tokens, those of running answers first and then those of prompts. Prompts that had
    more tokens than the steps until their first token had room for were not computed whole, so the rest was in the
    cache. What a step could have computed and did not is counted as computed: the true number is never smaller.

    Args:
        step_tokens: of a step, at most.
    """

    def __init__(self, step_tokens: int) -> None:
        self._step_tokens = step_tokens
        self._before = self._most = 0
        self._begun = self._room = 0

    @property
    def at_least(self) -> int:
        """The number so far; it never falls."""
        return self._before + self._most

    def stepped(self, decoded: int, begun: list[int], waiting: int) -> None:
        """Counts a step.

        Args:
            decoded: tokens that it gave to answers which had begun before.
            begun: lengths of the prompts whose first token it gave.
            waiting: prompts that still have none.
        """
        if begun or waiting:
            self._room += max(0, self._step_tokens - decoded)
            self._begun += sum(begun)
            self._most = max(self._most, self._begun - self._room)
        if not waiting:
            self._before, self._most = self.at_least, 0
            self._begun = self._room = 0
