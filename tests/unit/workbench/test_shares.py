from __future__ import annotations

import numpy as np
import pytest

from servekit.shares import mean_margin, share_margin, share_text


@pytest.mark.parametrize(
    ("times", "of", "expected"),
    [
        (575, 678, "0.85 ± 0.03 (of 678)"),
        (30, 30, "1.00 ± 0.11 (of 30)"),
        (0, 5, "0.00 ± 0.43 (of 5)"),
        (0, 0, "0.00 ± 1.00 (of 0)"),
        (500, 1_000, "0.50 ± 0.03 (of 1,000)"),
    ],
)
def test_a_share_says_of_how_many_it_is_known(times: int, of: int, expected: str) -> None:
    assert share_text(times, of) == expected


def test_the_margin_holds_the_truth_as_often_as_it_says() -> None:
    counts = np.random.default_rng(7).binomial(60, 0.9, 2_000)
    held = [abs(count / 60 - 0.9) <= share_margin(int(count), 60) for count in counts]
    assert np.mean(held) > 0.94


def test_the_margin_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(7).normal(size=(2_000, 50))
    held = [abs(each.mean()) <= mean_margin(each) for each in values]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)
    assert mean_margin(np.array([0.3])) == float("inf")
