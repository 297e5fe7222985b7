"""What a designed assistant must hold: a day of conversations, its promise, its budget and what goes wrong that day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from planner.day.requirements import DaySpike
from planner.tokens.replica import TokenPromise
from planner.tokens.traffic import Lengths
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BadModel", "KeyAbuse", "Shoppers", "TokenNeeds", "load_needs"]

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are errors."""


class Shoppers(_Strict, frozen=True, kw_only=True):
    """Who asks.

    Attributes:
        peak_rps: questions a second at the peak hour; ``night`` is the quietest hour's share of that.
        system: tokens with which every prompt begins; ``history`` tokens of earlier turns follow, on average.
        think_s: between an answer and the next question of a conversation.
        keys: that honest clients have, and ``largest_key`` is one's share of the questions; the others' are equal.
    """

    peak_rps: Positive
    night: Share
    peak_hour: Annotated[float, msgspec.Meta(ge=16, le=22)] = 20.0
    lengths: Lengths
    system: Count
    history: Count
    think_s: Positive
    keys: Annotated[int, msgspec.Meta(ge=2)]
    largest_key: Share

    @property
    def tokens(self) -> float:
        """Tokens of a question and its answer, on average."""
        return self.lengths.prompt + self.lengths.answer


class KeyAbuse(_Strict, frozen=True, kw_only=True):
    """One client's key: so many requests a second, each with prompts and answers of this length, for ``minutes``."""

    rps: Positive
    prompt: Count
    answer: Count
    minutes: Positive


class BadModel(_Strict, frozen=True, kw_only=True):
    """The version of that day. It is as fast as the old one and returns no errors, but says what is not so.

    Attributes:
        right, bad_right: the share of a quality set's questions that the old version and this one answer rightly.
        reported: the share of its wrong answers that a shopper reports.
        within_h: a version, good or bad, must be everywhere within so many hours.
    """

    right: Share
    bad_right: Share
    reported: Share
    within_h: Positive = 3.0

    @property
    def wrong(self) -> float:
        """The share of its answers that are wrong and were right before."""
        return self.right - self.bad_right


class TokenNeeds(_Strict, frozen=True, kw_only=True):
    """The requirements of a task; ``unit`` tells its file from one that counts requests.

    Attributes:
        answered: share of the questions that must get an answer.
        budget_per_day: dollars.
        start_s: from an autoscaler's decision until a new replica answers, its machine included.
        moved_s: from the loss of a machine until Kubernetes asks for its replicas elsewhere.
        notice_s: until the gateway sends no more requests to replicas that are gone.
        leaves_s: whoever has no first token after so long closes the page.
    """

    unit: Literal["tokens"]
    shoppers: Shoppers
    promise: TokenPromise
    answered: Share = 0.995
    budget_per_day: Positive
    start_s: Positive
    moved_s: Positive = 300.0
    notice_s: Positive = 30.0
    leaves_s: Positive = 20.0
    most_replicas: Count = 500
    lunch: DaySpike
    abuse: KeyAbuse
    bad_model: BadModel


def load_needs(path: Path) -> TokenNeeds:
    """The requirements in a file.

    Raises:
        InvalidValueError: the file is absent, or not of this form.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=TokenNeeds)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise InvalidValueError("requirements", str(path), str(problem)) from None
