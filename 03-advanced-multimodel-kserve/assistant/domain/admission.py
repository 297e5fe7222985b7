"""Who is let in, counted in tokens: a prompt of a thousand tokens costs a language model what fifty short ones do."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from assistant.domain.errors import BudgetError, BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TokenAdmission", "TokenBudgets", "TokenPlace", "estimated_tokens"]

_BYTES_A_TOKEN = 3
_TURN_TOKENS = 5
_SMOOTHING = 0.2


def estimated_tokens(texts: list[str]) -> int:
    """About how many tokens a prompt of these texts has, on the safe side for English; the engine counts exactly."""
    return sum(_TURN_TOKENS + len(text.encode()) // _BYTES_A_TOKEN for text in texts)


@dataclass(eq=False)
class TokenPlace:
    """What a request that was let in has reserved.

    Attributes:
        prompt_tokens: estimated first, then as counted.
        answer_tokens: the most that its answer may have.
        ahead: tokens of prompts that were to be computed before its first token, its own among them.
        since: when it was let in.
        begun: its first token has come.
    """

    prompt_tokens: int
    answer_tokens: int
    ahead: int
    since: float
    begun: bool = False


class TokenAdmission:
    """Lets a request in where its tokens have room in the KV cache and its first token can be expected in time.

    Args:
        room: tokens that may be reserved at once, prompts and answers together.
        first_token_s: within how many seconds the first token should come.
        prefill_rate: tokens of prompts a second, to begin with; it follows what is seen.
        clock: seconds, from anywhere.

    Attributes:
        reserved: tokens of all requests under way.
        waiting: tokens of the prompts among them that have no first token yet.
    """

    def __init__(self, room: int, first_token_s: float, prefill_rate: float, clock: Callable[[], float]) -> None:
        self._room = room
        self._first_token_s = first_token_s
        self._prefill_rate = prefill_rate
        self._clock = clock
        self._request_s = 2.0
        self.reserved = 0
        self.waiting = 0

    def enter(self, prompt_tokens: int, answer_tokens: int) -> TokenPlace:
        """Reserves; whoever enters must `leave`.

        Raises:
            BusyError: there is no room, or the first token would come too late.
        """
        cost = prompt_tokens + answer_tokens
        if self.reserved and self.reserved + cost > self._room:
            share = (self.reserved + cost - self._room) / self.reserved
            raise BusyError(
                "engine", None, f"{self.reserved} tokens under way, no room for {cost}", self._request_s * share
            )
        expected_s = (self.waiting + prompt_tokens) / self._prefill_rate
        if self.waiting and expected_s > self._first_token_s:
            late = f"the first token would come in {expected_s:.1f} s, later than {self._first_token_s:g} s"
            raise BusyError("engine", None, late, expected_s - self._first_token_s)
        self.reserved += cost
        self.waiting += prompt_tokens
        return TokenPlace(prompt_tokens, answer_tokens, self.waiting, self._clock())

    def counted(self, place: TokenPlace, prompt_tokens: int) -> None:
        """Puts the engine's number in the place of the estimate."""
        more = prompt_tokens - place.prompt_tokens
        self.reserved += more
        self.waiting += 0 if place.begun else more
        place.ahead += more
        place.prompt_tokens = prompt_tokens

    def begun(self, place: TokenPlace) -> None:
        """The first token has come: how long it took says how quickly prompts are computed."""
        place.begun = True
        self.waiting -= place.prompt_tokens
        took = max(self._clock() - place.since, 1e-3)
        self._prefill_rate += _SMOOTHING * (max(1, place.ahead) / took - self._prefill_rate)

    def leave(self, place: TokenPlace) -> None:
        """Gives back what was reserved, however the request ended."""
        self.reserved -= place.prompt_tokens + place.answer_tokens
        self.waiting -= 0 if place.begun else place.prompt_tokens
        self._request_s += _SMOOTHING * (self._clock() - place.since - self._request_s)


class TokenBudgets:
    """A bucket of tokens for each key: full at first, filled again at a constant rate.

    A request takes its prompt's and its answer's most tokens when it comes; what it did not use is given back.

    Args:
        per_minute: tokens that come back in a minute; 0: nobody has a limit. Who has no key has none either.
        clock: seconds, from anywhere.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        self._most = per_minute or inf
        self._rate = per_minute / 60
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str, tokens: int) -> None:
        """Takes tokens of a key.

        Raises:
            BudgetError: the key has not as many left.
        """
        if not key or self._most == inf:
            return
        left = self._now(key)
        if tokens > left:
            wait_s = (min(tokens, self._most) - left) / self._rate
            shown = f"{self._most:.0f} a minute, {max(left, 0):.0f} left, this request may need {tokens}"
            raise BudgetError("tokens", None, shown, wait_s)
        self._left[key] = left - tokens, self._clock()

    def give_back(self, key: str, tokens: int) -> None:
        """Gives back what was not used; below 0, takes what was not reserved."""
        if key and self._most != inf:
            self._left[key] = min(self._most, self._now(key) + tokens), self._clock()

    def _now(self, key: str) -> float:
        left, since = self._left.get(key, (self._most, self._clock()))
        return min(self._most, left + (self._clock() - since) * self._rate)
