"""The assistant's promise (``sla.toml``) and the verdict on a run: what its readers saw, against what was promised."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assistant.load.streams import Asked, Seen

__all__ = ["PromiseLine", "PromisedLoad", "StreamPromise", "judge", "percentile", "read_promise"]

_OK = 200


class PromisedLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The load under which the promise holds; four questions about each of so many items."""

    rate_rps: float
    duration_s: float
    answer_tokens: int
    items: int


class StreamPromise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The promise; times in milliseconds.

    Attributes:
        load: under which it holds.
        first_token_p99_ms: of the time to the first token.
        per_token_p99_ms: of each answer's mean time per token after the first.
        goodput: share of all requests that met both of these limits.
        correct: share of the answers that are the engine's own.
        right: share of the set's answers that tell their fact.
        cancel_ms: until the engine has forgotten an answer whose reader left.
    """

    load: PromisedLoad
    first_token_p99_ms: float
    per_token_p99_ms: float
    goodput: float
    correct: float
    right: float
    cancel_ms: float


class PromiseLine(NamedTuple):
    """A line of the verdict: what, as measured, as promised, and whether it was kept."""

    what: str
    measured: float
    promised: float
    kept: bool


def read_promise(path: Path) -> StreamPromise:
    """The promise in a file.

    Raises:
        ValueError: the file is not what it should be.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=StreamPromise)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of all do not exceed; infinite where there is none."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else float("inf")


def judge(
    promise: StreamPromise, seen: Sequence[Seen], expected: Mapping[Asked, str], right: float, cancel_s: Sequence[float]
) -> list[PromiseLine]:
    """The verdict's lines. A request that was refused or broke off has met no limit.

    Args:
        promise: what was promised.
        seen: all requests of the run.
        expected: the engine's own answers.
        right: share of these that tell their fact.
        cancel_s: how long cancellations took.
    """
    answered = [each for each in seen if each.status == _OK]
    first = percentile([each.first_s * 1e3 for each in answered], 0.99)
    per_token = percentile([each.per_token_s * 1e3 for each in answered if each.per_token_s is not None], 0.99)
    good = sum(_met(promise, each) for each in answered) / max(1, len(seen))
    correct = sum(each.text == expected.get(each.asked) for each in answered) / max(1, len(answered))
    cancelled = max(cancel_s, default=float("inf")) * 1e3
    return [
        PromiseLine("first token, p99 (ms)", first, promise.first_token_p99_ms, first <= promise.first_token_p99_ms),
        PromiseLine(
            "per output token, p99 (ms)", per_token, promise.per_token_p99_ms, per_token <= promise.per_token_p99_ms
        ),
        PromiseLine("goodput (share that met both)", good, promise.goodput, good >= promise.goodput),
        PromiseLine("answers as the engine's own", correct, promise.correct, correct >= promise.correct),
        PromiseLine("answers that tell their fact", right, promise.right, right >= promise.right),
        PromiseLine("cancelled within, worst (ms)", cancelled, promise.cancel_ms, cancelled <= promise.cancel_ms),
    ]


def _met(promise: StreamPromise, seen: Seen) -> bool:
    per_token_ms = (seen.per_token_s or 0.0) * 1e3
    return seen.first_s * 1e3 <= promise.first_token_p99_ms and per_token_ms <= promise.per_token_p99_ms
