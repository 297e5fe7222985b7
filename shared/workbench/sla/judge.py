"""From samples to a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from workbench.load import describe_outcome
from workbench.sla.closed_loop import closed_loop
from workbench.sla.limits import PERCENTILES, reason, verdict_of, weigh
from workbench.sla.result import Endpoint, Judged
from workbench.sla.samples import percentiles_ms

if TYPE_CHECKING:
    from workbench.sla.recorder import Checked
    from workbench.sla.result import Verdict
    from workbench.sla.samples import Samples
    from workbench.sla.settings import Sla

__all__ = ["in_window", "judge"]

_LEAST_OFFERED: Final = 0.9


def judge(sla: Sla, rate_rps: float, window: tuple[float, float], samples: Samples, answers: Checked) -> Judged:
    """Judge the requests intended within the window.

    Of 1,000 independent requests, of which 1 % may be slow: if 0.2 % are in truth, the verdict is ``met`` in 93 % of
    runs; at 0.8 % ``too_close`` in 90 %; at the limit ``met`` in 2 % and ``broken`` in 3 %; at 1.2 % ``met`` in 1 %; at
    2 % ``broken`` in 77 %. A pause that comes once in 10 s is missed by a third of the runs of 10 s
    (`workbench.sla.characteristics`).

    Args:
        sla: the promise.
        rate_rps: the rate that was asked of the generator.
        window: warm-up and duration in seconds.
        samples: every request of the run, warm-up included.
        answers: how many answers were compared with the oracle, and how many were wrong.

    Returns:
        ``invalid`` when the samples say nothing (no requests, the generator saturated, nothing to check), else
        ``broken`` with one reason for each limit that is surely not kept, else ``too_close`` with one for each that a
        longer run might find kept or not, else ``met``.
    """
    judged = in_window(samples, *window)
    if not len(judged):
        return Judged(verdict="invalid", reasons=["no request was sent"], correctness=answers)
    measured = _measure(sla, rate_rps, window, samples, judged)
    limits = weigh(sla, window, judged, measured.achieved_rps / measured.offered_rps, answers)
    saturated = _saturation(sla, rate_rps * window[1], judged)
    invalid = [*saturated, *_unchecked(sla, judged, answers)]
    verdict: Verdict = "invalid" if invalid else verdict_of(limits)
    against = [limit for limit in limits if limit.standing == {"broken": "broken", "too_close": "close"}.get(verdict)]
    return msgspec.structs.replace(
        measured,
        limits=limits,
        generator_saturated=bool(saturated),
        correctness=answers,
        verdict=verdict,
        reasons=invalid or [reason(sla.level, limit) for limit in against],
    )


def _measure(sla: Sla, rate_rps: float, window: tuple[float, float], samples: Samples, judged: Samples) -> Judged:
    p50, p95, p99, p999 = percentiles_ms(judged, tuple(PERCENTILES.values()))
    lag_p50, lag_p99 = _lags_ms(judged)
    ok = judged["outcome"] == 0
    good = np.count_nonzero(ok & (judged["latency_s"] * 1e3 <= sla.thresholds.p99_ms))
    return Judged(
        requests=len(judged),
        offered_rps=round(len(judged) / window[1], 2),
        achieved_rps=round(_answered_within(samples, *window) / window[1], 2),
        goodput_rps=round(float(good) / window[1], 2),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        p999_ms=p999,
        max_ms=round(float(judged["latency_s"].max()) * 1e3, 3),
        error_rate=round(1 - float(np.count_nonzero(ok)) / len(judged), 6),
        errors=_errors(judged),
        lag_p50_ms=lag_p50,
        lag_p99_ms=lag_p99,
        closed_loop=closed_loop(judged, rate_rps),
        endpoints=[_endpoint(name, judged[judged["kind"] == n], window[1]) for n, name in enumerate(sla.mix)],
    )


def in_window(samples: Samples, warmup_s: float, duration_s: float) -> Samples:
    """The requests that were meant to start after the warm-up and before the end."""
    intended = samples["intended_s"]
    return samples[(intended >= warmup_s) & (intended < warmup_s + duration_s)]


def _answered_within(samples: Samples, warmup_s: float, duration_s: float) -> int:
    finished = samples["intended_s"] + samples["latency_s"]
    within = (finished >= warmup_s) & (finished < warmup_s + duration_s)
    return int(np.count_nonzero(within & (samples["outcome"] == 0)))


def _saturation(sla: Sla, expected: float, judged: Samples) -> list[str]:
    reasons = []
    _, lag = _lags_ms(judged)
    if lag > sla.lag_limit_ms:
        reasons.append(
            f"generator lag p99 {lag:g} ms: expected at most {sla.lag_limit_ms:g} ms; "
            "the generator was saturated, so this says nothing about the server"
        )
    # A Poisson count strays by its square root; four of them are one run in 30,000.
    if len(judged) < _LEAST_OFFERED * expected - 4 * expected**0.5:
        reasons.append(f"requests sent {len(judged)}: expected about {expected:.0f}; the generator did not keep up")
    return reasons


def _unchecked(sla: Sla, judged: Samples, answers: Checked) -> list[str]:
    unchecked = not answers.checked and sla.generator.check_ratio > 0
    # Too few answers to draw one from, or none at all: the error rate tells that story.
    drawn = np.count_nonzero(judged["outcome"] == 0) * sla.generator.check_ratio
    return ["answers checked 0: expected at least one"] if unchecked and drawn > 20 else []  # noqa: PLR2004


def _lags_ms(judged: Samples) -> tuple[float, float]:
    p50, p99 = np.percentile(judged["lag_s"], [50, 99]) * 1e3
    return round(float(p50), 3), round(float(p99), 3)


def _errors(judged: Samples) -> dict[str, int]:
    outcomes, counts = np.unique(judged["outcome"][judged["outcome"] != 0], return_counts=True)
    return {describe_outcome(int(o)): int(n) for o, n in zip(outcomes, counts, strict=True)}


def _endpoint(name: str, samples: Samples, duration_s: float) -> Endpoint:
    p50, p95, p99, longest = percentiles_ms(samples, (50.0, 95.0, 99.0, 100.0))
    count = max(len(samples), 1)
    return Endpoint(
        name=name,
        requests=len(samples),
        rps=round(len(samples) / duration_s, 2),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=longest,
        error_rate=round(float(np.count_nonzero(samples["outcome"])) / count, 6),
        mean_bytes=round(float(samples["size"].sum()) / count, 1),
    )
