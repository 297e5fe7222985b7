from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import comb
from random import Random

import pytest

from servekit.drift.distance import psi
from servekit.telemetry.metrics import LATENCY_BUCKETS
from shop.canary.evidence import EMPTY, Histogram, binomial_tail, fisher, histogram_psi, quantile
from shop.canary.judge import Policy, judge
from shop.canary.proof import LossInterval
from shop.canary.reading import Reading

POLICY = Policy()
SCORE_EDGES = tuple(round(-2 + 0.4 * step, 1) for step in range(11))


def histogram(edges: tuple[float, ...], values: list[float]) -> Histogram:
    counts = [0.0] * (len(edges) + 1)
    for value in values:
        counts[sum(edge < value for edge in edges)] += 1
    return Histogram(edges, tuple(counts))


def answers(random: Random, count: int, *, slower_s: float = 0.0, shift: float = 0.0, clicks: float = 0.4) -> Reading:
    """What a version answered: a heavy-tailed latency around 3 ms, normal scores, clicks."""
    durations = [random.lognormvariate(-5.8, 0.6) + slower_s for _ in range(count)]
    scores = [random.gauss(shift, 1) for _ in range(count)]
    clicked = sum(random.random() < clicks for _ in range(count))
    return Reading(
        histogram(LATENCY_BUCKETS, durations),
        scores=histogram(SCORE_EDGES, scores),
        outcomes={"impression": count, "click": clicked},
    )


@pytest.mark.parametrize(
    "table", [(3, 20, 1, 500), (0, 10, 4, 100), (40, 200, 12, 600), (10, 10, 0, 1000), (30, 2000, 100, 60_000)]
)
def test_fishers_test_counts_the_ways_to_deal_the_bad_answers(table: tuple[int, int, int, int]) -> None:
    bad, of, stable_bad, stable_of = table
    every = bad + stable_bad
    ways = sum(comb(of, x) * comb(stable_of, every - x) for x in range(bad, min(of, every) + 1))
    assert fisher(*table) == pytest.approx(float(Fraction(ways, comb(of + stable_of, every))), rel=1e-9, abs=0)


@pytest.mark.parametrize(("bad", "of"), [(0, 10), (3, 20), (40, 200), (200, 200)])
def test_the_binomial_tail_is_the_sum_of_its_terms(bad: int, of: int) -> None:
    terms = (comb(of, x) * Fraction(1, 100) ** x * Fraction(99, 100) ** (of - x) for x in range(bad, of + 1))
    assert binomial_tail(bad, of, 0.01) == pytest.approx(float(sum(terms)), rel=1e-9, abs=0)


def test_where_nothing_was_answered_chance_explains_everything() -> None:
    assert fisher(0, 0, 0, 0) == fisher(0, 0, 4, 100) == fisher(0, 100, 0, 0) == binomial_tail(0, 0, 0.01) == 1


def test_a_quantile_says_between_which_edges_it_surely_is() -> None:
    few = histogram((0.001, 0.01, 0.1), [0.0005] * 90 + [0.05] * 10)
    assert quantile(few, 0.99) == pytest.approx((0.091, 0.01, float("inf")))
    many = Histogram(few.edges, tuple(100 * count for count in few.counts))
    assert quantile(many, 0.99) == pytest.approx((0.091, 0.01, 0.1))
    assert quantile(EMPTY, 0.99) == (0.0, 0.0, float("inf"))


def test_psi_is_nothing_for_equal_samples_and_joins_buckets_that_are_too_thin() -> None:
    same = Histogram((1.0, 2.0, 3.0), (50, 40, 9, 1))
    assert histogram_psi(same, same) == (0.0, 3)
    moved = Histogram(same.edges, (1, 9, 40, 50))
    assert histogram_psi(same, moved) == (psi(same.counts, moved.counts), 4)
    thin = Histogram(same.edges, (50, 40, 6, 4))
    assert histogram_psi(same, thin) == (psi((50, 40, 10), (50, 40, 10)), 3)
    assert psi(same.counts, moved.counts) > 1


@pytest.mark.parametrize(("stable", "candidate"), [(10_000, 10), (2000, 40), (600, 200), (200, 200)])
def test_a_version_like_stable_is_almost_never_called_worse(stable: int, candidate: int) -> None:
    random = Random(3)
    worse = sum(
        bool(judge(answers(random, min(stable, 600)), answers(random, candidate), POLICY).worse) for _ in range(40)
    )
    assert worse == 0


@pytest.mark.parametrize("count", [10, 200])
def test_a_version_that_is_truly_slow_is_always_called_worse(count: int) -> None:
    random = Random(4)
    for _ in range(20):
        judgement = judge(answers(random, 500), answers(random, count, slower_s=0.03), POLICY)
        assert [finding.check for finding in judgement.worse] == ["p99"]
    assert "100.0% of its answers took over 25 ms, " in judgement.reason


def test_a_slow_tail_is_found_where_the_median_is_as_before() -> None:
    random = Random(5)
    stable, candidate = answers(random, 600), answers(random, 175)
    tail = answers(random, 25, slower_s=0.2).durations.counts
    both = tuple(a + b for a, b in zip(candidate.durations.counts, tail, strict=True))
    slow_tail = replace(candidate, durations=Histogram(LATENCY_BUCKETS, both))
    assert [finding.check for finding in judge(stable, slow_tail, POLICY).worse] == ["p99"]


def with_cache(random: Random, count: int, hits: int, *, slower_s: float = 0.0) -> Reading:
    """What a version answered, ``hits`` of it from the cache, within 1 ms."""
    computed = answers(random, count - hits, slower_s=slower_s)
    found = histogram(LATENCY_BUCKETS, [0.0008] * hits)
    both = tuple(a + b for a, b in zip(computed.durations.counts, found.counts, strict=True))
    return replace(computed, durations=Histogram(LATENCY_BUCKETS, both), computed=computed.durations)


def test_a_version_is_not_slow_for_its_empty_cache() -> None:
    random = Random(8)
    stable, candidate = with_cache(random, 2000, 1900), with_cache(random, 200, 0)
    assert judge(stable, candidate, POLICY).worse == ()
    as_answered = replace(stable, computed=None), replace(candidate, computed=None)
    assert [finding.check for finding in judge(*as_answered, POLICY).worse] == ["p99"], "by all answers it would be"


def test_a_version_that_is_slow_is_not_saved_by_its_cache() -> None:
    random = Random(9)
    stable, candidate = with_cache(random, 2000, 1000), with_cache(random, 400, 350, slower_s=0.03)
    assert [finding.check for finding in judge(stable, candidate, POLICY).worse] == ["p99"]


@pytest.mark.parametrize(("stable_hits", "hits"), [(500, 0), (100, 100)])
def test_while_a_version_answers_from_its_cache_alone_no_latency_is_proven(stable_hits: int, hits: int) -> None:
    random = Random(10)
    judgement = judge(with_cache(random, 500, stable_hits), with_cache(random, 100, hits), POLICY)
    assert judgement.worse == ()
    assert "p99: nothing to compare it with" in judgement.doubt


@pytest.mark.parametrize("kind", ["errors", "degraded"])
def test_errors_and_fallbacks_are_compared_with_stables(kind: str) -> None:
    random = Random(6)
    stable, candidate = answers(random, 600), replace(answers(random, 40), **{kind: 12.0})  # type: ignore[arg-type]
    (finding,) = judge(stable, candidate, POLICY).worse
    assert finding.check == kind
    assert finding.why.startswith(f"{kind} 30.00%, stable 0.00% (by chance: ")
    one = replace(candidate, errors=1.0, degraded=0.0)
    assert not judge(stable, one, POLICY).worse


def test_other_scores_are_drift() -> None:
    random = Random(7)
    judgement = judge(answers(random, 600), answers(random, 200, shift=1.5), POLICY)
    assert [finding.check for finding in judgement.worse] == ["score drift"]


def test_what_all_spans_together_prove_decides_of_online_quality() -> None:
    random = Random(8)
    stable, candidate = answers(random, 600), answers(random, 200, clicks=0.1)
    open_, lost, kept = (
        judge(stable, candidate, POLICY, {"online quality": loss})
        for loss in (
            LossInterval(0, 0.5, proven=False, exceeded=False),
            LossInterval(0.4, 1, False, True),
            LossInterval(0, 0.015, True, False),
        )
    )
    assert not open_.worse
    assert "online quality: the loss may be 50%, must be below 2%" in open_.doubt
    assert [finding.check for finding in lost.worse] == ["online quality"]
    assert lost.reason.startswith("online quality: a loss above 40% is proven, 2% is tolerated (")
    assert "online quality" not in kept.doubt
    assert kept.findings[-1].candidate.endswith("% (< 1.5%)")


def test_nothing_is_proven_where_nothing_was_seen() -> None:
    random = Random(8)
    judgement = judge(answers(random, 600), answers(random, 200), POLICY)
    assert judgement.doubt.count("the loss may be 100%") == 3


def test_nothing_is_learnt_from_a_stable_version_that_is_itself_in_trouble() -> None:
    random = Random(9)
    both = replace(answers(random, 200), errors=100.0)
    judgement = judge(both, both, POLICY)
    assert not judgement.worse
    assert judgement.unwell == "stable's own errors are 50.0%: expected at most 5%"


def test_without_feedback_or_scores_the_findings_say_so() -> None:
    bare = Reading(histogram(LATENCY_BUCKETS, [0.003] * 50))
    shown = {finding.check: finding.why for finding in judge(bare, bare, POLICY).findings}
    assert shown["online quality"] == "not rated of 0, stable not rated of 0"
    assert shown["score drift"] == "no scores to compare"
