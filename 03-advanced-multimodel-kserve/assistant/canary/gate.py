"""The gate before any traffic: both versions are asked the same questions, whose facts are known.

Each version's engine is asked directly, with greedy decoding, so that an answer depends on the version alone. The
candidate is stopped when it tells fewer facts than the shop promises (``sla.toml``), or loses so many of stable's that
chance is no explanation: an exact sign test of the questions on which they differ, at 5 %.

52 questions find gross damage, no fine one. Of 52 questions of which stable tells 46, a candidate that gains none and
loses each of these with the same probability is stopped, by the sign test alone (`stopped`, exactly):

    | loses of stable's facts | 0 % | 5 % | 10 % | 20 % | 30 % |
    |---|---|---|---|---|---|
    | is stopped | 0 % | 8 % | 49 % | 97 % | 100 % |
"""

from __future__ import annotations

import asyncio
from math import comb
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from assistant.load.engine_alone import item_facts, own_answers
from assistant.load.quality import tells
from shop.canary.subject import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assistant.load.streams import Asked

__all__ = ["FactTold", "compare", "open_gate", "stopped"]

_ALPHA = 0.05
_AT_ONCE = 2  # of each version: stable has callers meanwhile


class FactTold(NamedTuple):
    """Whether each version's answer to a question told its fact."""

    stable: bool
    candidate: bool


def compare(told: Sequence[FactTold], least: float) -> tuple[bool, str]:
    """Whether the candidate may have traffic, and both figures in a line.

    Args:
        told: of each question.
        least: share of the facts that must be told, whatever stable tells.
    """
    of, stable, candidate = len(told), sum(each.stable for each in told), sum(each.candidate for each in told)
    lost = sum(each.stable and not each.candidate for each in told)
    won = sum(each.candidate and not each.stable for each in told)
    chance = _sign_test(lost, won)
    figures = f"tells {candidate} of {of} facts, stable {stable}: {lost} lost, {won} won (by chance: {chance:.2g})"
    if candidate < least * of:
        return False, f"{figures}: expected at least {least:.0%}"
    if chance < _ALPHA:
        return False, f"{figures}: expected no fewer than stable"
    return True, figures


def _sign_test(lost: int, won: int) -> float:
    """How likely at least so many of the differences are losses when losing is as likely as winning."""
    differ = lost + won
    return float(sum(comb(differ, each) for each in range(lost, differ + 1)) / 2**differ)


def stopped(of: int, loss: float) -> float:
    """How likely the sign test stops a candidate that gains nothing and loses each of stable's facts with ``loss``."""
    reached = [lost for lost in range(of + 1) if _sign_test(lost, 0) < _ALPHA]
    return float(sum(comb(of, lost) * loss**lost * (1 - loss) ** (of - lost) for lost in reached))


def open_gate(sockets: tuple[Path, Path], features: Path, asked: Sequence[Asked], least: float) -> GateResult:
    """Asks both versions.

    Args:
        sockets: of stable's engine and of the candidate's.
        features: the folder with the features from which the store was filled.
        asked: the questions.
        least: share of the facts that must be told.

    Raises:
        OSError: an engine is not there, or there are no features.
    """
    began = monotonic()
    stable, candidate = asyncio.run(_both(sockets, features, asked))
    facts = item_facts(features, [each.item for each in asked])
    told = {
        each: FactTold(*(tells(each.question, answers[each], facts[each.item]) for answers in (stable, candidate)))
        for each in asked
    }
    passed, reason = compare(list(told.values()), least)
    evidence = {f"item {each.item}: {each.question}": found._asdict() for each, found in told.items()}
    return GateResult(passed, reason, monotonic() - began, evidence)


async def _both(sockets: tuple[Path, Path], features: Path, asked: Sequence[Asked]) -> Sequence[Mapping[Asked, str]]:
    return await asyncio.gather(*(_answers(path, features, asked) for path in sockets))


async def _answers(path: Path, features: Path, asked: Sequence[Asked]) -> Mapping[Asked, str]:
    parts = (asked[number::_AT_ONCE] for number in range(_AT_ONCE))
    found = await asyncio.gather(*(own_answers(path, features, part) for part in parts))
    return {each: text for answers in found for each, text in answers.items()}
