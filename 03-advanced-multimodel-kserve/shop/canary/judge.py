"""Is the candidate worse than stable? Five questions, each with its numbers and the sentence that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Literal

from servekit.drift.threshold import AlarmPolicy
from shop.canary.evidence import binomial_tail, fisher, psi, quantile

if TYPE_CHECKING:
    from shop.canary.reading import Reading

__all__ = ["Finding", "Judgement", "Policy", "judge"]

Check = Literal["errors", "degraded", "p99", "score drift", "online quality"]
_P99 = 0.99


@dataclass(frozen=True)
class Policy:
    """What counts as worse. A difference must be both: too improbable to be chance, and large enough to matter.

    Args:
        alpha: the probability, for each question at each look, that a candidate like stable is called worse. A walk
            asks five questions at some 25 looks: with 1e-5 about one walk in 1,000 is stopped for nothing, at most.
        error_margin: share of errors, or of degraded answers, above stable's that is still tolerated.
        slow_share: share of the candidate's answers that may take longer than the bucket of stable's p99 reaches; of
            stable's it is 1 % at most. Twice that, because a candidate's cache is cold.
        minimum_psi: no drift of the scores up to this is an alarm; 0.1 is where "no change" customarily ends.
        quality_loss: share of stable's rate of good outcomes that may be lost.
        unwell: share of errors of stable itself above which nothing can be learnt from comparing.
        min_feedback: rated answers of either version before their quality is compared.
    """

    alpha: float = 1e-5
    error_margin: float = 0.001
    slow_share: float = 0.02
    minimum_psi: float = 0.1
    quality_loss: float = 0.02
    unwell: float = 0.05
    min_feedback: int = 30


@dataclass(frozen=True)
class Finding:
    """One question: what was seen on both sides, and whether the candidate is worse."""

    check: Check
    stable: str
    candidate: str
    worse: bool
    why: str


@dataclass(frozen=True)
class Judgement:
    """All findings, and what else there is to say.

    ``unwell`` says in a sentence that stable itself is in trouble: then nothing is proven either way.
    """

    findings: tuple[Finding, ...]
    unwell: str | None = None

    @property
    def worse(self) -> tuple[Finding, ...]:
        """Every question that the candidate failed."""
        return tuple(finding for finding in self.findings if finding.worse)

    @property
    def reason(self) -> str:
        """The failed questions in one line."""
        return "; ".join(finding.why for finding in self.worse)


def judge(stable: Reading, candidate: Reading, policy: Policy) -> Judgement:
    """Compare what both versions answered in the same span of time; at 100 % with stable's last span before it.

    Random routing makes the two samples alike but for the versions, so that any difference is the version's.
    """
    findings = (
        _share("errors", (stable.errors, stable.answers), (candidate.errors, candidate.answers), policy),
        _share("degraded", (stable.degraded, stable.answers), (candidate.degraded, candidate.answers), policy),
        _latency(stable, candidate, policy),
        _drift(stable, candidate, policy),
        _quality(stable, candidate, policy),
    )
    share = stable.errors / stable.answers if stable.answers else 0.0
    unwell = f"stable's own errors are {share:.1%}: expected at most {policy.unwell:.0%}"
    return Judgement(findings, unwell if share > policy.unwell else None)


def _share(
    check: Literal["errors", "degraded"], stable: tuple[float, float], candidate: tuple[float, float], policy: Policy
) -> Finding:
    before, after = (bad / of if of else 0.0 for bad, of in (stable, candidate))
    chance = fisher(*candidate, *stable)
    worse = after > before + policy.error_margin and chance < policy.alpha
    why = f"{check} {after:.2%}, stable {before:.2%} (by chance: {_chance(chance)})"
    return Finding(check, f"{before:.2%}", f"{after:.2%}", worse, why)


def _latency(stable: Reading, candidate: Reading, policy: Policy) -> Finding:
    """Worse when more of the candidate's answers than is allowed provably take longer than stable's p99.

    Compared is the share of answers beyond an edge of the histogram: an exact count, which an interpolated p99 is not.
    """
    before, after = (quantile(each.durations, _P99) for each in (stable, candidate))
    edge = next((upper for upper in candidate.durations.edges if upper >= before.value), None)
    if edge is None or not stable.answers or not candidate.answers:
        return Finding("p99", _ms(before.value), _ms(after.value), worse=False, why="p99 not comparable")
    slow, stable_slow = candidate.durations.above(edge), stable.durations.above(edge)
    chance = max(
        binomial_tail(slow, candidate.answers, policy.slow_share),
        fisher(slow, candidate.answers, stable_slow, stable.answers),
    )
    why = (
        f"p99 {_ms(after.value)}, stable {_ms(before.value)}: {slow / candidate.answers:.1%} of its answers took over "
        f"{_ms(edge)}, {stable_slow / stable.answers:.1%} of stable's (by chance: {_chance(chance)})"
    )
    return Finding("p99", _ms(before.value), _ms(after.value), chance < policy.alpha, why)


def _drift(stable: Reading, candidate: Reading, policy: Policy) -> Finding:
    before, after = stable.scores, candidate.scores
    if not before.total or not after.total or before.edges != after.edges:
        return Finding("score drift", "", "no scores", worse=False, why="no scores to compare")
    distance, bins = psi(before, after)
    # several scores of one answer are no independent observations: as many rows as there were answers
    rows, of = (round(min(each.scores.total, each.answers or each.scores.total)) for each in (stable, candidate))
    limit = AlarmPolicy(minimum_psi=policy.minimum_psi).psi(bins, rows, of, -log(policy.alpha))
    why = f"score drift PSI {distance:.2f}: chance allows {limit:.2f}"
    return Finding("score drift", "", f"PSI {distance:.2f} (≤ {limit:.2f})", distance > limit, why)


def _quality(stable: Reading, candidate: Reading, policy: Policy) -> Finding:
    (stable_good, stable_of), (good, of) = stable.rated, candidate.rated
    if min(of, stable_of) < policy.min_feedback:
        before, after = f"{stable_of:.0f} rated", f"{of:.0f} rated"
        return Finding("online quality", before, after, worse=False, why="too little feedback to compare")
    then, now = stable_good / stable_of, good / of
    chance = fisher(of - good, of, stable_of - stable_good, stable_of)
    worse = now < then * (1 - policy.quality_loss) and chance < policy.alpha
    why = f"online quality {now:.1%}, stable {then:.1%} (by chance: {_chance(chance)})"
    return Finding("online quality", f"{then:.1%}", f"{now:.1%}", worse, why)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"


def _chance(probability: float) -> str:
    return f"{probability:.0e}" if probability < 0.001 else f"{probability:.2g}"  # noqa: PLR2004 - three decimals
