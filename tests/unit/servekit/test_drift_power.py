from __future__ import annotations

from math import inf

import pytest

from servekit.drift import AlarmPolicy
from servekit.drift.power import flagged_after, smallest_shift

POLICY = AlarmPolicy()
EXPONENT = POLICY.exponent(columns=7, windows=2)


def after(shift: float, reference: int, window: int) -> float:
    return flagged_after(shift, reference, window, POLICY.ks(reference, window, EXPONENT), POLICY.looks)


def test_a_larger_shift_shows_sooner_and_the_smallest_not_at_all() -> None:
    assert [after(shift, 150, 500) for shift in (0.5, 1.0, 1.5, 10.0)] == [inf, 450, 300, 200]


def test_the_long_window_sees_what_the_short_one_cannot() -> None:
    assert (after(0.75, 150, 500), after(0.75, 150, 5_000), after(0.5, 150, 5_000)) == (inf, 5_000, inf)
    assert (after(0.3, 20_000, 500), after(0.3, 20_000, 5_000)) == (inf, 5_000)


def test_a_reference_of_150_rows_is_the_limit_whatever_the_window() -> None:
    smallest = [smallest_shift(150, rows, POLICY.ks(150, rows, EXPONENT)) for rows in (500, 5_000, 10**6)]
    assert smallest == pytest.approx([0.823, 0.728, 0.717], abs=0.001)


def test_what_no_distance_reaches_is_infinite() -> None:
    assert smallest_shift(150, 250, threshold=1.0) == inf
    assert flagged_after(100.0, 150, 250, threshold=1.0, looks=10) == inf
