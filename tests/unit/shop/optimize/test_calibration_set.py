from __future__ import annotations

import numpy as np
import pytest

from shop.optimize.calibration_set import FEWEST_ROWS, CalibrationError, checked, column_scaling

ROWS = np.random.default_rng(0).normal(size=(FEWEST_ROWS, 4)).astype(np.float32)


def test_real_rows_are_taken_as_they_are() -> None:
    assert (checked(ROWS, 4) == ROWS).all()


def test_an_empty_calibration_set_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"^calibration set of 0 rows: expected at least 64$"):
        checked(ROWS[:0], 4)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(
        CalibrationError, match=r"^calibration set \(64, 4\): expected \(n, 5\), as the model's input is$"
    ):
        checked(ROWS, 5)


def test_rows_that_are_not_finite_are_refused() -> None:
    spoilt = ROWS.copy()
    spoilt[7, 2], spoilt[9, 0] = np.nan, np.inf
    expected = r"^calibration set, row 7: expected finite numbers \(2 rows have others\)$"
    with pytest.raises(CalibrationError, match=expected):
        checked(spoilt, 4)


def test_rows_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(CalibrationError, match=r"^calibration set of 64 equal rows: expected real ones, which differ$"):
        checked(np.ones_like(ROWS), 4)


def test_scaling_brings_each_column_into_minus_one_to_one_and_leaves_constant_ones_at_zero() -> None:
    rows = (ROWS * [1, 1e-3, 1e4, 0] + [0, 5, -3, 7]).astype(np.float32)
    scaling = column_scaling(rows)
    scaled = rows * scaling.factor + scaling.shift
    assert np.allclose(scaled.min(axis=0), [-1, -1, -1, 0], atol=1e-3)
    assert np.allclose(scaled.max(axis=0), [1, 1, 1, 0], atol=1e-3)
