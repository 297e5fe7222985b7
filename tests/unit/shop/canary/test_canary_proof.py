"""Bounds on a loss that may be looked at as often as one likes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shop.canary.evidence import Histogram
from shop.canary.judge import Policy
from shop.canary.ledger import Ledger, forecast
from shop.canary.proof import LossBounds, LossInterval, OutcomeCounts, answers_to_prove
from shop.canary.reading import Reading

if TYPE_CHECKING:
    from numpy.random import Generator

MARGIN, RISK = 0.1, 0.05


def bounds() -> LossBounds:
    return LossBounds([MARGIN], RISK, RISK, [(28, 100)])


def seen(
    random: Generator, loss: float, *, good: float = 0.72, candidate: int = 100, stable: int = 100
) -> OutcomeCounts:
    bad = random.binomial(candidate, 1 - good * (1 - loss)), random.binomial(stable, 1 - good)
    return OutcomeCounts(float(bad[0]), candidate, float(bad[1]), stable)


def ends(loss: float, runs: int, looks: int) -> list[LossInterval]:
    found = []
    for run in range(runs):
        random, watched = np.random.default_rng((7, run)), bounds()
        for look in range(looks):
            # stable's own rate wanders, and the weight with it: neither may matter
            good = 0.72 + 0.1 * np.sin(look / 5)
            watched.see([seen(random, loss, good=good, candidate=20 + 10 * (look % 9), stable=100)])
        found += watched.losses()
    return found


def test_what_is_at_the_margin_is_hardly_ever_proven_to_be_below_or_above_it() -> None:
    found = ends(MARGIN, runs=120, looks=50)
    assert sum(loss.proven for loss in found) <= 120 * RISK
    assert sum(loss.exceeded for loss in found) <= 120 * RISK


def test_likeness_and_a_large_loss_are_both_proven() -> None:
    alike, worse = ends(0.0, runs=40, looks=80), ends(3 * MARGIN, runs=40, looks=80)
    assert all(loss.proven and not loss.exceeded and loss.upper <= MARGIN for loss in alike)
    assert all(loss.exceeded and not loss.proven and loss.lower >= MARGIN for loss in worse)


def test_the_truth_is_between_the_bounds() -> None:
    for true_loss in (0.05, 0.3):
        inside = [loss.lower <= true_loss <= loss.upper for loss in ends(true_loss, runs=60, looks=40)]
        assert sum(inside) >= 60 * (1 - 2 * RISK)


def test_errors_that_never_happen_are_proven_rare_by_the_rule_of_three() -> None:
    """No error in n answers: the share is below 3/n with 95 %; more are needed, as the rate has to be learnt."""
    watched = LossBounds([0.001], RISK, RISK, [(0, 1000)])
    answers = 0
    while not watched.losses()[0].proven:
        watched.see([OutcomeCounts(0, 100, 0, 100)])
        answers += 100
    assert 3000 <= answers <= 4300


def test_a_version_that_fails_is_refuted_by_its_first_answers() -> None:
    watched = LossBounds([0.001], RISK, RISK / 3, [(1, 1000)])
    watched.see([OutcomeCounts(6, 10, 1, 990)])
    assert watched.losses()[0].exceeded


@pytest.mark.parametrize("one", [OutcomeCounts(0, 0, 3, 50), OutcomeCounts(2, 50, 0, 0), OutcomeCounts(0, 0, 0, 0)])
def test_one_version_alone_proves_nothing(one: OutcomeCounts) -> None:
    watched = bounds()
    for _ in range(100):
        watched.see([one])
    assert watched.losses() == [LossInterval(0.0, 1.0, proven=False, exceeded=False)]


def test_what_a_proof_takes_is_enough_for_nineteen_of_twenty_that_are_alike() -> None:
    answers = answers_to_prove(MARGIN, RISK, 0.5, 0.28)
    proven = 0
    for run in range(200):
        random, watched = np.random.default_rng((8, run)), bounds()
        for _ in range(round(answers / 100)):
            watched.see([seen(random, 0.0, candidate=50, stable=50)])
        proven += watched.losses()[0].proven
    assert proven >= 185
    assert answers_to_prove(MARGIN / 2, RISK, 0.5, 0.28) > 3 * answers
    assert answers_to_prove(MARGIN, RISK, 0.05, 0.28) > 3 * answers


def reading(answers: float, clicks: float) -> Reading:
    return Reading(Histogram((1.0,), (answers, 0.0)), outcomes={"impression": answers, "click": clicks})


def test_a_click_that_is_reported_late_is_counted_once() -> None:
    late, punctual = (Ledger(Policy(), Reading()) for _ in range(2))
    for stable, candidate in (((400, 300), (400, 280)), ((400, 310), (400, 300)), ((800, 610), (800, 600))):
        late.see(reading(*stable), reading(*candidate))
    punctual.see(reading(800, 610), reading(800, 600))
    assert late.counted == punctual.counted


def test_a_forecast_says_when_nobody_rates_the_answers() -> None:
    silent = replace(reading(100, 72), outcomes={})
    said = forecast(silent, 5.0, 50, Policy(), 600)
    assert "online quality: nobody rates the answers" in said
    assert "online quality: no outcome is good" in forecast(reading(100, 0), 5.0, 50, Policy(), 600)
    assert "nobody rates" not in forecast(silent, 5.0, 50, Policy(rated=False), 600)


def test_a_forecast_beyond_the_patience_says_what_helps() -> None:
    said = forecast(reading(100, 72), 10.0, 50, Policy(), 600)
    assert said.endswith("patience 10 min: a larger margin needs less")
