"""Is the candidate worse than stable, and is it proven that it is not? Five questions, each with its numbers.

Four are guardrails: strong evidence of harm in the newest span of time rolls back at once. Three, errors, degraded
answers and online quality, need a proof from all that was seen (`shop.canary.proof`): that the loss is below its margin
before a version is promoted; that it is above the margin rolls back. Not above 0: the operator has called a loss up to
the margin tolerable, and with enough traffic any loss, however small, is proven to be above 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log
from typing import TYPE_CHECKING, Final, Literal

from servekit.drift.threshold import AlarmPolicy
from shop.canary.evidence import binomial_tail, fisher, histogram_psi, quantile
from shop.canary.proof import LossInterval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.canary.reading import Reading

__all__ = ["PROVEN", "Check", "Finding", "Judgement", "Policy", "judge", "percent"]

Check = Literal["errors", "degraded", "p99", "score drift", "online quality"]
PROVEN: Final[tuple[Check, ...]] = ("errors", "degraded", "online quality")
"""The questions that need a proof."""

_P99 = 0.99
_UNKNOWN = LossInterval(0.0, 1.0, proven=False, exceeded=False)


@dataclass(frozen=True)
class Policy:
    """What counts as worse, and what as proven to be no worse.

    A guardrail's difference must be both: too improbable to be chance, and large enough to matter.

    Args:
        alpha: the probability, for each guardrail at each look, that a candidate like stable is called worse. Four of
            them are asked at some 25 looks, and at ten more for each minute that a proof is waited for: with 1e-5 about
            one rollout in 1,000 is stopped for nothing, and of those that wait an hour three in 100 at most.
        risk: the probability of a promotion when a loss is at its margin or above, over all looks of a rollout;
            and that of a proof of too large a loss, for all questions together, when none is.
        error_margin: share of errors, or of degraded answers, above stable's that is still tolerated.
        slow_share: share of what the candidate computes that may take longer than the bucket of stable's p99 reaches;
            of stable's it is 1 % at most. Twice that, so that it matters.
        minimum_psi: no drift of the scores up to this is an alarm; 0.1 is where "no change" customarily ends.
        quality_margin: share of stable's rate of good outcomes that may be lost.
        unwell: share of errors of stable itself above which nothing can be learnt from comparing.
        rated: whether a proof of online quality is asked for. Without feedback there can be none.
        names: what a question is called where it means something else; empty where nothing can be said to it.
    """

    alpha: float = 1e-5
    risk: float = 0.05
    error_margin: float = 0.001
    slow_share: float = 0.02
    minimum_psi: float = 0.1
    quality_margin: float = 0.02
    unwell: float = 0.05
    rated: bool = True
    names: Mapping[Check, str] = field(default_factory=dict)

    def name(self, check: Check) -> str:
        """What a question is called."""
        return self.names.get(check, check)

    def margin(self, check: Check) -> float:
        """The loss that is tolerated in a question that needs a proof."""
        return self.quality_margin if check == "online quality" else self.error_margin


@dataclass(frozen=True)
class Finding:
    """One question: what was seen on both sides, and whether the candidate is worse.

    ``loss`` is what all looks together say where a proof is needed, and ``doubt`` what is missing of it.
    """

    check: Check
    stable: str
    candidate: str
    worse: bool
    why: str
    loss: LossInterval | None = None
    doubt: str = ""


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
    def doubt(self) -> str:
        """What is not proven yet, in one line; empty when all is."""
        return "; ".join(finding.doubt for finding in self.findings if finding.doubt)

    @property
    def reason(self) -> str:
        """The failed questions in one line."""
        return "; ".join(finding.why for finding in self.worse)


def judge(
    stable: Reading, candidate: Reading, policy: Policy, losses: Mapping[Check, LossInterval] | None = None
) -> Judgement:
    """Compare what both versions answered in the same span of time; at 100 % with stable's last span before it.

    Random routing makes the two samples alike but for the versions, so that any difference is the version's.

    Args:
        stable: what stable answered in this span.
        candidate: what the candidate answered in it.
        policy: what counts as worse.
        losses: what all spans together say of the losses; nothing unless given.
    """
    findings = (
        _share("errors", (stable.errors, stable.answers), (candidate.errors, candidate.answers), policy),
        _share("degraded", (stable.degraded, stable.answers), (candidate.degraded, candidate.answers), policy),
        _latency(stable, candidate, policy),
        _drift(stable, candidate, policy),
        _quality(stable, candidate),
    )
    share = stable.errors / stable.answers if stable.answers else 0.0
    unwell = f"stable's own errors are {share:.1%}: expected at most {policy.unwell:.0%}"
    proven = tuple(_with_proof(finding, policy, losses or {}) for finding in findings)
    return Judgement(proven, unwell if share > policy.unwell else None)


def _with_proof(finding: Finding, policy: Policy, losses: Mapping[Check, LossInterval]) -> Finding:
    """The finding of a span, with what all spans together prove."""
    check = finding.check
    if check not in PROVEN or (check == "online quality" and not policy.rated):
        return finding
    loss, margin = losses.get(check, _UNKNOWN), policy.margin(check)
    shown = replace(finding, loss=loss, candidate=f"{finding.candidate} (< {percent(loss.upper)})")
    if loss.exceeded:
        proven = f"{policy.name(check)}: a loss above {percent(loss.lower)} is proven, {percent(margin)} is tolerated"
        return replace(shown, worse=True, why=f"{proven} ({finding.why})")
    if loss.proven:
        return shown
    return replace(
        shown, doubt=f"{policy.name(check)}: the loss may be {percent(loss.upper)}, must be below {percent(margin)}"
    )


def _share(
    check: Literal["errors", "degraded"], stable: tuple[float, float], candidate: tuple[float, float], policy: Policy
) -> Finding:
    before, after = (bad / of if of else 0.0 for bad, of in (stable, candidate))
    chance = fisher(*candidate, *stable)
    worse = after > before + policy.error_margin and chance < policy.alpha
    why = f"{policy.name(check)} {after:.2%}, stable {before:.2%} (by chance: {_chance(chance)})"
    return Finding(check, f"{before:.2%}", f"{after:.2%}", worse, why)


def _latency(stable: Reading, candidate: Reading, policy: Policy) -> Finding:
    """Worse when more of what the candidate computed than is allowed provably took longer than stable's p99.

    Compared is the share beyond an edge of the histogram: an exact count, which an interpolated p99 is not. As long as
    one of them has computed nothing, which is what a cache is for, there is nothing to compare, and nothing is proven.
    """
    was, now = stable.latencies, candidate.latencies
    before, after = (quantile(each, _P99) for each in (was, now))
    edge = next((upper for upper in now.edges if upper >= before.value), None)
    if edge is None or not was.total or not now.total:
        doubt = "p99: nothing to compare it with" if candidate.answers and not (was.total and now.total) else ""
        why = "p99 not comparable"
        return Finding("p99", _ms(before.value), _ms(after.value), worse=False, why=why, doubt=doubt)
    slow, stable_slow = now.above(edge), was.above(edge)
    chance = max(
        binomial_tail(slow, now.total, policy.slow_share),
        fisher(slow, now.total, stable_slow, was.total),
    )
    why = (
        f"{policy.name('p99')} {_ms(after.value)}, stable {_ms(before.value)}: {slow / now.total:.1%} of its answers "
        f"took over {_ms(edge)}, {stable_slow / was.total:.1%} of stable's (by chance: {_chance(chance)})"
    )
    return Finding("p99", _ms(before.value), _ms(after.value), chance < policy.alpha, why)


def _drift(stable: Reading, candidate: Reading, policy: Policy) -> Finding:
    before, after = stable.scores, candidate.scores
    if not before.total or not after.total or before.edges != after.edges:
        return Finding("score drift", "", "no scores", worse=False, why="no scores to compare")
    distance, bins = histogram_psi(before, after)
    # several scores of one answer are no independent observations: as many rows as there were answers
    rows, of = (round(min(each.scores.total, each.answers or each.scores.total)) for each in (stable, candidate))
    limit = AlarmPolicy(minimum_psi=policy.minimum_psi).psi(bins, rows, of, -log(policy.alpha))
    why = f"score drift PSI {distance:.2f}: chance allows {limit:.2f}"
    return Finding("score drift", "", f"PSI {distance:.2f} (≤ {limit:.2f})", distance > limit, why)


def _quality(stable: Reading, candidate: Reading) -> Finding:
    """No guardrail: outcomes come late and are few, so that only all of them together say something."""
    (stable_good, stable_of), (good, of) = stable.rated, candidate.rated
    then, now = (f"{some / all_:.1%}" if all_ else "not rated" for some, all_ in ((stable_good, stable_of), (good, of)))
    return Finding("online quality", then, now, worse=False, why=f"{now} of {of:.0f}, stable {then} of {stable_of:.0f}")


def percent(share: float) -> str:
    """A share in percent, as short as it may be."""
    return f"{100 * share:.3g}%"


def _ms(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _chance(probability: float) -> str:
    return f"{probability:.0e}" if probability < 0.001 else f"{probability:.2g}"  # noqa: PLR2004 - three decimals
