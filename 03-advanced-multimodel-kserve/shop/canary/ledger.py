"""The proofs of a rollout: each reading's new outcomes go into the bounds; a forecast says beforehand what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.canary.judge import PROVEN, Check, Policy, percent
from shop.canary.proof import LossBounds, OutcomeCounts, answers_to_prove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.canary.proof import LossInterval
    from shop.canary.reading import Reading

__all__ = ["Ledger", "forecast"]

_NOTHING = OutcomeCounts(0, 0, 0, 0)


class Ledger:
    """Everything that the candidate's losses can be judged by, over all steps at which stable answers too.

    Evidence of different weights may be added up, as each bet compares the answers of one span, which were dealt to the
    versions at random.

    Args:
        policy: the margins and the risk.
        stable: what stable answered before the rollout.

    Attributes:
        counted: of each question, what has been settled since the last restart.
    """

    def __init__(self, policy: Policy, stable: Reading) -> None:
        margins = [policy.margin(check) for check in PROVEN]
        before = [_bad(stable, check) for check in PROVEN]
        self._bounds = LossBounds(margins, policy.risk, policy.risk / len(PROVEN), before)
        self.counted = [_NOTHING] * len(PROVEN)

    def restart(self) -> None:
        """The meter counts from 0 again."""
        self.counted = [_NOTHING] * len(PROVEN)

    def see(self, stable: Reading, candidate: Reading) -> None:
        """Take what was added to both readings since they were last seen."""
        totals = [OutcomeCounts(*_bad(candidate, check), *_bad(stable, check)) for check in PROVEN]
        new = [_added(before, after) for before, after in zip(self.counted, totals, strict=True)]
        self.counted = [
            OutcomeCounts(*(a + b for a, b in zip(before, added, strict=True)))
            for before, added in zip(self.counted, new, strict=True)
        ]
        self._bounds.see(new)

    def losses(self) -> Mapping[Check, LossInterval]:
        """What is known of each loss now."""
        return dict(zip(PROVEN, self._bounds.losses(), strict=True))


def _bad(reading: Reading, check: Check) -> tuple[float, float]:
    """Bad outcomes, of how many."""
    if check == "online quality":
        good, of = reading.rated
        return of - good, of
    return (reading.errors if check == "errors" else reading.degraded), reading.answers


def _added(before: OutcomeCounts, after: OutcomeCounts) -> OutcomeCounts:
    """What came since; a click that was reported after its impression is settled with a later one."""
    bad, of, stable_bad, stable_of = (max(new - old, 0) for old, new in zip(before, after, strict=True))
    return OutcomeCounts(min(bad, of), of, min(stable_bad, stable_of), stable_of)


def forecast(stable: Reading, seconds: float, weight: int, policy: Policy, patience_s: float) -> str:
    """What the proofs will take at this traffic, in a sentence for the operator.

    Args:
        stable: what it answered in so many seconds.
        seconds: how long that was.
        weight: the percentage at which proof is waited for.
        policy: the margins and the risk.
        patience_s: how long it is waited for.
    """
    forecasts, longest = [], 0.0
    for check in PROVEN:
        if check == "online quality" and not policy.rated:
            continue
        (bad, of), margin = _bad(stable, check), policy.margin(check)
        if bad == of:
            seen = "no outcome is good" if of else "nobody rates the answers"
            forecasts.append(f"{policy.name(check)}: {seen}, so nothing can be proven (--unrated does without)")
            continue
        answers = answers_to_prove(margin, policy.risk, weight / 100, bad / of)
        duration = answers * seconds / of
        longest = max(longest, duration)
        what = "rated answers" if check == "online quality" else "answers"
        forecasts.append(f"{policy.name(check)} {percent(margin)}: {_round(answers)} {what}, {_span(duration)}")
    over = ": a larger margin needs less" if longest > patience_s else ""
    return f"to prove a loss below its margin at {weight}%: {'; '.join(forecasts)}; patience {_span(patience_s)}{over}"


def _round(answers: float) -> str:
    """Two digits are as much as is known."""
    return f"{float(f'{answers:.2g}'):,.0f}"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - 100 s is read easily
