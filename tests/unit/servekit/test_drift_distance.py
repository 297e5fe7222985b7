from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servekit.drift.distance import counts, ks, psi
from servekit.drift.reference import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

RNG = np.random.default_rng(3)


def true_ks(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    from scipy.stats import ks_2samp  # noqa: PLC0415 - takes a second, which each worker would spend

    return float(ks_2samp(one, other).statistic)


def test_psi_is_the_textbook_sum_with_half_a_count_a_bin() -> None:
    column = Column.of("x", "feature", np.repeat([1.0, 2.0], [60, 40]), bins=2)
    window = np.repeat([1.0, 2.0], [30, 70]).astype(np.float32)
    q, p = np.array([30.5, 70.5]) / 101, np.array([60.5, 40.5]) / 101
    assert counts(column, window).tolist() == [30, 70]
    assert psi(column.counts, counts(column, window)) == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_ks_is_scipys_when_the_reference_keeps_every_value() -> None:
    reference = RNG.integers(0, 40, 150) / 10
    window = np.sort(RNG.integers(3, 45, 500) / 10).astype(np.float32)
    column = Column.of("x", "feature", reference, bins=6)
    assert ks(column, window) == pytest.approx(true_ks(reference.astype(np.float32), window))


def test_ks_at_the_quantiles_of_a_large_reference_is_barely_below_the_true_one() -> None:
    reference, window = RNG.normal(size=50_000), np.sort(RNG.normal(0.3, 1, 500)).astype(np.float32)
    true = true_ks(reference, window)
    assert true - 1 / 128 <= ks(Column.of("x", "feature", reference, bins=10), window) <= true


@given(
    st.lists(st.floats(-5, 5, width=32), min_size=60, max_size=200),
    st.lists(st.floats(width=32), min_size=1, max_size=50),
)
def test_distances_are_finite_and_in_range_whatever_is_served(reference: list[float], served: list[float]) -> None:
    column = Column.of("x", "feature", np.array(reference), bins=5)
    ordered = np.sort(np.array(served, dtype=np.float32))
    assert 0 <= psi(column.counts, counts(column, ordered)) < np.inf
    assert 0 <= ks(column, ordered) <= 1


@pytest.mark.parametrize("served", [6.9, 7.1, np.nan])
def test_a_constant_that_changes_is_at_the_full_distance(served: float) -> None:
    column = Column.of("x", "feature", np.full(60, 7.0), bins=2)
    assert ks(column, np.full(10, served, dtype=np.float32)) == 1
    assert psi(column.counts, counts(column, np.full(10, served, dtype=np.float32))) > 5
    assert ks(column, np.full(10, 7.0, dtype=np.float32)) == 0
