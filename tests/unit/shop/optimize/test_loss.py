from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from shop.models.marks import Marks, marks_of_means, marks_of_payments
from shop.models.metrics import auc, average_precision, ndcg_of_lists
from shop.optimize.gate import judge
from shop.optimize.latency import Latencies
from shop.optimize.loss import bounded_losses, estimated_losses
from workbench.verdicts import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shop.optimize.loss import Loss

RNG = np.random.default_rng(7)
TWICE = Latencies((100.0,) * 9, (50.0,) * 9)


def pages(quality: NDArray[np.float64]) -> Marks:
    return marks_of_means("pages", {"ndcg": quality})


@pytest.mark.slow
def test_the_gate_is_as_good_as_its_docstring_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shop.optimize.characteristics._RUNS", 100)
    rows = rows_of("shop.optimize.characteristics")
    assert all(row.as_designed for row in rows), [row for row in rows if not row.as_designed]
    shares = [row.share for row in rows]
    assert shares == [pytest.approx(1, abs=0.02), pytest.approx(0.05, abs=0.03), 0, 0]


def test_the_bound_of_a_mean_is_the_textbooks() -> None:
    """For many pages the bootstrap's percentile is the mean and 1.645 standard errors."""
    before, after = RNG.random((2, 4_000))
    difference = before - after
    (loss,) = bounded_losses(pages(before), pages(after)).values()
    assert loss.lost == pytest.approx(difference.mean())
    assert loss.at_most == pytest.approx(difference.mean() + 1.645 * difference.std() / 4_000**0.5, abs=0.0008)
    assert loss.of == "4,000 pages"


def test_what_both_find_hard_is_no_doubt() -> None:
    hard = RNG.random(500)
    (loss,) = bounded_losses(pages(hard), pages(hard - 0.01)).values()
    assert loss.at_most == pytest.approx(0.01, abs=1e-4)


def test_the_same_marks_lose_nothing_however_few_there_are() -> None:
    (loss,) = bounded_losses(pages(np.array([0.3])), pages(np.array([0.3]))).values()
    assert loss.at_most == 0


def test_of_no_pages_everything_may_be_lost() -> None:
    (loss,) = bounded_losses(pages(np.zeros(0)), pages(np.zeros(0))).values()
    assert loss.at_most == 1
    assert not judge("static", {"ndcg": loss}, TWICE, 1).passed


def test_scores_rounded_to_a_standard_deviation_are_refused() -> None:
    """The first results were clicked more: who ties all of them and keeps their order would be marked as better."""
    place, score = np.arange(60_000) % 30, RNG.normal(size=60_000)
    start = np.arange(0, 60_001, 30)
    gains = (RNG.random(60_000) < 0.3 / (place + 1) + 0.02 * np.exp(score)).astype(float)
    fine, rounded = (ndcg_of_lists(scores, gains, start) for scores in (score, np.rint(score)))
    verdict = judge("rounded", bounded_losses(pages(fine), pages(rounded)), TWICE, 100)
    assert not verdict.passed
    assert verdict.losses["ndcg"].lost > 0


def test_payments_are_resampled_by_who_paid() -> None:
    fraud, scores = RNG.random(600) < 0.2, RNG.random(600)
    payer = np.arange(600) // 3
    marks = marks_of_payments(scores, fraud, payer)
    times = np.array([np.arange(200) % 2, np.full(200, 1)], np.float32)
    found = marks.resampled(times)
    some = np.repeat(np.arange(200) % 2, 3) > 0
    assert found["auc"] == pytest.approx([auc(scores[some], fraud[some]), auc(scores, fraud)])
    expected = [average_precision(scores[some], fraud[some]), average_precision(scores, fraud)]
    assert found["average_precision"] == pytest.approx(expected)
    assert (marks.count, marks.units) == (200, "payers")


@pytest.mark.parametrize("losses", [bounded_losses, estimated_losses])
def test_other_measures_than_the_baselines_are_refused(
    losses: Callable[[Marks, Marks], dict[str, Loss]],
) -> None:
    with pytest.raises(ValueError, match=r"^quality \['mrr'\]: expected the baseline's measures, \['ndcg'\]$"):
        losses(pages(np.ones(3)), marks_of_means("pages", {"mrr": np.ones(3)}))
