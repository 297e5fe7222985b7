"""Each limit of a promise beside what a run knows of it, and the sentences that say so.

A limit on latency must be proven: a run that cannot is too close to tell. A limit on failed or wrong answers must be
proven once one of them was seen. While none was, it is kept so far: to prove "at most 1 in 1,000" takes 3,000 requests
without one, and to prove "none at all" no run is long enough (`adr-too-close-to-tell.md`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from workbench.sla.interval import Tail, blocks_of, independent, seconds_to_tell, share_of
from workbench.sla.result import Limit
from workbench.sla.samples import percentiles_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.sla.interval import Share
    from workbench.sla.recorder import Checked
    from workbench.sla.samples import Samples
    from workbench.sla.settings import Sla

__all__ = ["PERCENTILES", "reason", "show_interval", "so_far", "verdict_of", "weigh"]

PERCENTILES: Final = {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0, "p999_ms": 99.9}
"""The percentiles that may be promised, by the name of their limit."""
_AGAINST: Final = {"error_rate": "failed", "correct_ratio": "wrong"}


def weigh(sla: Sla, window: tuple[float, float], judged: Samples, answered: float, answers: Checked) -> list[Limit]:
    """Weigh every promise.

    Args:
        sla: the promise.
        window: warm-up and duration in seconds.
        judged: the requests within it, at least one.
        answered: those answered within it, as a share of those offered.
        answers: how many answers were compared with the oracle, and how many were wrong.
    """
    promise = sla.thresholds
    blocks = blocks_of(judged, *window)
    tail = Tail(judged["latency_s"] * 1e3, blocks)
    measured = percentiles_ms(judged, tuple(PERCENTILES.values()))
    limits = [
        _percentile(tail, name, value, limit, window[1])
        for name, value in zip(PERCENTILES, measured, strict=True)
        if (limit := getattr(promise, name)) is not None
    ]
    failed = share_of(judged["outcome"] != 0, blocks)
    limits.append(_rate("error_rate", failed, promise.error_rate, window[1]))
    limits.append(_throughput(answered, promise.achieved_ratio))
    if answers.checked:
        wrong = independent(answers.wrong, answers.checked)
        limits.append(_flipped(_rate("correct_ratio", wrong, round(1 - promise.correct_ratio, 12), window[1])))
    return limits


def verdict_of(limits: Sequence[Limit]) -> Literal["met", "broken", "too_close"]:
    """What the limits come to: one that is surely broken breaks the promise, one that is close leaves it open."""
    standings = {limit.standing for limit in limits}
    return "broken" if "broken" in standings else "too_close" if "close" in standings else "met"


def reason(level: int, limit: Limit) -> str:
    """Why a limit is broken, or too close to tell and what would tell."""
    bound = "at least" if limit.name.endswith("_ratio") else "at most"
    words = f"{limit.name} {limit.measured:g}: expected {bound} {limit.limit:g}"
    if limit.hits is not None:
        words += f" ({limit.hits:,} of {limit.of:,} {_AGAINST.get(limit.name, 'slower')})"
    if limit.standing != "close":
        return words
    return f"{words}; too close to tell: in truth {show_interval(limit)}. {_remedy(level, limit)}"


def so_far(limit: Limit) -> str:
    """What is known of a promise that was kept so far."""
    proof = f"{limit.needed_s} s without one would prove it" if limit.needed_s else "no run is long enough to prove it"
    return (
        f"{limit.name} kept so far: none of {limit.of:,} {_AGAINST[limit.name]}, which proves {show_interval(limit)}; "
        f"promised is {limit.limit:g}, {proof}"
    )


def show_interval(limit: Limit) -> str:
    """Between what the figure lies in truth, in words."""
    if limit.low is None:
        return ""
    if limit.name in PERCENTILES:
        return f"{limit.low:.3g} ms or more" if limit.high is None else f"{limit.low:.3g} to {limit.high:.3g} ms"
    if not limit.hits:
        return f"at least {limit.low:.2%}" if limit.name == "correct_ratio" else f"at most {limit.high:.2%}"
    return f"{limit.low:.2%} to {limit.high:.2%}"


def _percentile(tail: Tail, name: str, measured: float, limit_ms: float, duration_s: float) -> Limit:
    allowed = round(1 - PERCENTILES[name] / 100, 12)
    share = tail.over(limit_ms)
    low, high = tail.percentile_ms(allowed, limit_ms)
    return Limit(
        name, measured, limit_ms,
        kept=measured <= limit_ms,
        standing=_standing(share, allowed),
        hits=share.hits,
        of=share.of,
        low=round(low, 3),
        high=None if high is None else round(high, 3),
        needed_s=_needed(share, allowed, duration_s),
    )  # fmt: skip


def _rate(name: str, share: Share, allowed: float, duration_s: float) -> Limit:
    standing = _standing(share, allowed)
    measured = share.hits / share.of
    return Limit(
        name, round(measured, 6), allowed,
        kept=measured <= allowed,
        standing="so_far" if standing == "close" and not share.hits else standing,
        hits=share.hits,
        of=share.of,
        low=round(share.low, 6),
        high=round(share.high, 6),
        needed_s=_needed(share, allowed, duration_s),
    )  # fmt: skip


def _flipped(wrong: Limit) -> Limit:
    """A share of wrong answers as one of right ones."""
    right = [round(1 - value, 6) for value in (wrong.measured, wrong.limit, wrong.high or 0.0, wrong.low or 0.0)]
    measured, limit, low, high = right
    return msgspec.structs.replace(wrong, measured=measured, limit=limit, low=low, high=high)


def _throughput(measured: float, limit: float) -> Limit:
    kept = measured >= limit
    return Limit("achieved_ratio", round(measured, 6), limit, kept, "kept" if kept else "broken")


def _standing(share: Share, allowed: float) -> Literal["kept", "close", "broken"]:
    if share.low > allowed:
        return "broken"
    return "kept" if share.high <= allowed else "close"


def _needed(share: Share, allowed: float, duration_s: float) -> int | None:
    return None if share.told(allowed) else seconds_to_tell(share, allowed, duration_s)


def _remedy(level: int, limit: Limit) -> str:
    if limit.needed_s is None:
        return "It lies at the limit itself: not even an hour would tell"
    return f'About {limit.needed_s} s would tell: make sla-{level} ARGS="--duration {limit.needed_s}"'
