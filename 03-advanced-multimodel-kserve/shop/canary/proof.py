"""How much may the candidate lose? Bounds that hold at every look, from bets that a version like stable wins.

A loss is the share of stable's good outcomes that the candidate has not: where a share b of stable's is bad, a share
L + (1 - L)·b of the candidate's is. Whoever doubts "it loses at least L" bets against it. Before the outcomes between
two looks are opened, a stake is set for each outcome of the candidate, and one against it for each of stable's, so that
what happens to both versions alike (an evening, a campaign) wins nothing. In a world with that loss or more the wealth,
which begins at 1, is not expected to grow, whatever the rates are and however they change; so it ever reaches 1/risk
with probability ``risk`` at most (Ville's inequality, 1939), no matter how often one looks and when one stops. Where it
does, the loss is below L. Stakes the other way round show in the same way that the loss is above L.

Proof, for n answers of the candidate with outcomes y (1 is bad) and m of stable's with outcomes z, whose expectations
average to a and b. The wealth is multiplied by ∏(1 + s·(y - p₁)) · ∏(1 - t·(z - p₀)), with p₁ = L + (1 - L)·p₀ and
t = s·(1 - L)·n/m. The logarithm of what is expected of that is, as log(1 + x) ≤ x, at most
s·n·(a - p₁) - t·m·(b - p₀) = s·n·(a - L - (1 - L)·b), which is not above 0 where s < 0 and the loss is L or more, nor
where s > 0 and the loss is L or less. The guess p₀ only has to be made beforehand: a bad one costs time, and never
validity.

Sources: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal
Statistical Society B 86 (2024), for bounds by betting, Kelly's stakes, and bets on several alternatives at once;
R. Turner and P. Grünwald, "Exact anytime-valid confidence intervals for contingency tables and beyond", Statistics &
Probability Letters 198 (2023), for two samples that come in blocks.
"""

from __future__ import annotations

from math import inf, log, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["LossBounds", "LossInterval", "OutcomeCounts", "answers_to_prove"]

_MULTIPLES: Final = np.array([0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4, 6, 8, 16, 32, 128, 512])
_AT_MARGIN: Final = 3
_LARGEST: Final = 0.99
_WORSE_BY: Final = 3.0 ** np.arange(5)
_BOLDEST: Final = 0.9
_RARE: Final = 1e-9
_Z_95: Final = 1.645


class OutcomeCounts(NamedTuple):
    """Outcomes of both versions over one span of time."""

    bad: float
    of: float
    stable_bad: float
    stable_of: float


class LossInterval(NamedTuple):
    """What is known of one question's loss, as shares of stable's good outcomes.

    ``proven`` and ``exceeded`` say that the loss is below its margin, or above it; each is wrong with the probability
    that was asked for, over all looks together.
    """

    lower: float
    upper: float
    proven: bool
    exceeded: bool


class LossBounds:
    """Watches several questions; everything that was seen counts, at whatever weight.

    Bets are held against several losses at once, from a quarter of the margin to 512 margins: the bounds are those of
    them that are refuted, so they are rounded, but outwards.

    Args:
        margins: the loss of each question that is tolerated, from 0 to 1.
        risk: the probability that a loss at its margin or above is ever called proven to be below it.
        false_alarm: the probability that one within its margin is ever called exceeded; of each question.
        stable: stable's bad outcomes of how many, seen beforehand: the first guess.
    """

    def __init__(
        self, margins: Sequence[float], risk: float, false_alarm: float, stable: Sequence[tuple[float, float]]
    ) -> None:
        margin = np.array(margins)[:, None]
        self._losses = np.minimum(margin * _MULTIPLES, _LARGEST)
        self._losses[:, _AT_MARGIN] = margins
        worse = np.minimum(self._losses[..., None] + margin[..., None] * _WORSE_BY, 1.0)
        # what is bet on: that there is no loss; and, the other way round, losses that are larger in several ways
        self._believed = np.concatenate([np.zeros((*self._losses.shape, 1)), worse], axis=2)
        self._wealth = np.zeros_like(self._believed)
        self._most = np.full((2, *self._losses.shape), -inf)
        self._needed = np.array([-log(risk), -log(false_alarm)])[:, None, None]
        self._bad, self._of = (np.array(side, dtype=float) for side in zip(*stable, strict=True))

    def see(self, questions: Sequence[OutcomeCounts]) -> None:
        """Settle the bets by what came since the last look, one `OutcomeCounts` for each question."""
        bad, of, stable_bad, stable_of = np.array(questions, dtype=float).T[:, :, None, None]
        guess = ((self._bad + 0.5) / (self._of + 1))[:, None, None]
        loss = self._losses[..., None]
        stake, against, expected = _stakes(loss, self._believed, guess, of / np.maximum(stable_of, 1))
        stake, against = (np.where((of > 0) & (stable_of > 0), each, 0.0) for each in (stake, against))
        self._wealth += _won(stake, expected, bad, of) + _won(against, guess, stable_bad, stable_of)
        several = np.log(np.mean(np.exp(np.minimum(self._wealth[..., 1:], 700)), axis=2) + 1e-300)
        # what was refuted once stays refuted: the inequality is about the highest wealth that there ever was
        self._most = np.maximum(self._most, (self._wealth[..., 0], several))
        self._bad += stable_bad[:, 0, 0]
        self._of += stable_of[:, 0, 0]

    def losses(self) -> list[LossInterval]:
        """What is known now, question by question."""
        below, above = self._most >= self._needed
        return [
            LossInterval(_lower(losses, lost), _upper(losses, won), bool(won[_AT_MARGIN]), bool(lost[_AT_MARGIN]))
            for losses, won, lost in zip(self._losses, below, above, strict=True)
        ]


def answers_to_prove(margin: float, risk: float, weight: float, bad: float) -> float:
    """How many answers, of both versions, prove that a candidate like stable loses less than a margin.

    Enough for 19 of 20 such candidates: the wealth's logarithm is taken for a normal random walk.

    Args:
        margin: the loss that is tolerated, from 0 to 1.
        risk: the probability of proving what is not so.
        weight: the candidate's share of the traffic, above 0 and below 1.
        bad: the share of bad outcomes, of both versions, below 1.
    """
    one = np.ones(1)
    guessed, ratio = max(bad, _RARE) * one, weight / (1 - weight) * one
    stake, against, expected = _stakes(margin * one, 0 * one, guessed, ratio)
    mean = variance = 0.0
    for share, staked, guess in ((weight, stake, expected), (1 - weight, against, guessed)):
        if_bad, if_good = float(_won(staked, guess, one, one)[0]), float(_won(staked, guess, 0 * one, one)[0])
        mean += share * (bad * if_bad + (1 - bad) * if_good)
        variance += share * bad * (1 - bad) * (if_bad - if_good) ** 2
    root = (_Z_95 * sqrt(variance) + sqrt(_Z_95**2 * variance - 4 * mean * log(risk))) / (2 * mean)
    return root**2


def _stakes(
    loss: NDArray[np.float64], believed: NDArray[np.float64], guess: NDArray[np.float64], ratio: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What is staked on each of the candidate's outcomes, on each of stable's, and the candidate's bad ones at a loss.

    Kelly's stake for small edges: what is believed to be won over its variance; never more than nine tenths of what one
    outcome could cost.
    """
    good = 1 - loss
    expected = loss + good * guess
    edge = (believed - loss) * (1 - guess)
    stake = edge / (expected * (1 - expected) + good**2 * ratio * guess * (1 - guess))
    against = good * ratio
    most = np.minimum(1 / expected, 1 / (against * (1 - guess) + 1e-300))
    least = np.minimum(1 / (1 - expected), 1 / (against * guess + 1e-300))
    stake = np.clip(stake, -_BOLDEST * least, _BOLDEST * most)
    return stake, -against * stake, expected


def _won(
    stake: NDArray[np.float64], expected: NDArray[np.float64], bad: NDArray[np.float64], of: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The logarithm of the wealth's factor, from outcomes of which so many were expected to be bad."""
    won: NDArray[np.float64] = bad * np.log1p(stake * (1 - expected)) + (of - bad) * np.log1p(-stake * expected)
    return won


def _upper(losses: NDArray[np.float64], refuted: NDArray[np.bool_]) -> float:
    """The smallest loss from which on all are refuted."""
    standing = np.flatnonzero(~refuted)
    first = standing[-1] + 1 if len(standing) else 0
    return float(losses[first]) if first < len(losses) else 1.0


def _lower(losses: NDArray[np.float64], refuted: NDArray[np.bool_]) -> float:
    """The largest loss up to which all are refuted; 0 where a loss of nothing is possible."""
    standing = np.flatnonzero(~refuted)
    last = (standing[0] if len(standing) else len(losses)) - 1
    return float(losses[last]) if last >= 0 else 0.0
