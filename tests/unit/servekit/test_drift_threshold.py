from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from scipy.stats import chi2

from servekit.drift import AlarmPolicy
from servekit.drift.distance import counts, psi
from servekit.drift.reference import Column


def test_the_exponent_shares_alpha_among_all_questions_asked() -> None:
    policy = AlarmPolicy(alpha=1e-4, looks=10)
    assert exp(-policy.exponent(columns=7, workers=2, windows=2)) == pytest.approx(1e-4 / (2 * 7 * 10 * 2 * 2))


def test_the_psi_threshold_covers_the_chi_square_tail() -> None:
    policy = AlarmPolicy(minimum_psi=0.0)
    for bins in range(2, 21):
        for probability in (1e-2, 1e-4, 1e-7):
            scaled = policy.psi(bins, 150, 500, -log(probability)) / (1 / 150 + 1 / 500)
            assert chi2.sf(scaled, bins - 1) <= probability


def test_the_simulated_false_alarm_rate_of_one_test_is_below_the_promised_one() -> None:
    rng, exponent, hits, draws = np.random.default_rng(11), log(20), 0, 3000
    threshold = AlarmPolicy(minimum_psi=0.0).psi(6, 150, 250, exponent)
    for _ in range(draws):
        column = Column.of("x", "feature", rng.normal(size=150), bins=6)
        window = np.sort(rng.normal(size=250)).astype(np.float32)
        hits += psi(column.counts, counts(column, window)) > threshold
    assert hits / draws <= 1 / 20


def test_a_huge_window_still_needs_a_difference_that_matters() -> None:
    policy = AlarmPolicy()
    assert policy.psi(10, 10**6, 10**6, 15) == 0.1
    assert policy.ks(10**6, 10**6, 15) == 0.1


def test_the_thresholds_fall_as_the_window_grows() -> None:
    policy = AlarmPolicy()
    assert policy.psi(6, 150, 250, 15) > policy.psi(6, 150, 500, 15) > 5 * (1 / 150 + 1 / 500)
    assert policy.ks(150, 250, 15) > policy.ks(150, 500, 15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"alpha": 0.0}, "alpha 0.0: expected a probability"), ({"looks": 0}, "looks 0: expected at least 1")],
)
def test_impossible_policies_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AlarmPolicy(**settings)  # type: ignore[arg-type]
