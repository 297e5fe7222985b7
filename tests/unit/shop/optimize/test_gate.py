from __future__ import annotations

import pytest

from shop.optimize.gate import ALLOWED_LOSS, judge, speed_up
from shop.optimize.latency import Latencies
from shop.optimize.loss import Loss


def latencies(times_faster: float, noise: float = 0.01) -> Latencies:
    """Fifteen rounds around a speed-up, the machine slowing down all the while."""
    baseline = [200.0 + 10 * number for number in range(15)]
    wobble = [1 + noise * (number % 5 - 2) for number in range(15)]
    candidate = [us / times_faster * each for us, each in zip(baseline, wobble, strict=True)]
    return Latencies(tuple(baseline), tuple(candidate))


def losses(after: float, at_most: float | None = None, before: float = 0.308) -> dict[str, Loss]:
    """Of NDCG@10, and the most that may be lost, if that is more."""
    return {"NDCG@10": Loss(before, after, before - after if at_most is None else at_most, "2,533 pages")}


SAME = losses(0.308)


def test_a_form_that_is_as_good_and_faster_passes() -> None:
    verdict = judge("static", losses(0.3075, at_most=0.002), latencies(2.3), 100)
    assert verdict.passed
    assert verdict.reasons == ()
    assert verdict.losses["NDCG@10"].lost == pytest.approx(0.0005)
    assert verdict.speed_up.median == pytest.approx(2.3, rel=0.01)


def test_a_form_that_lost_quality_is_refused_with_the_figures() -> None:
    verdict = judge("static", losses(0.301, at_most=0.0091), latencies(2.3), 100)
    assert verdict.reasons == ("NDCG@10 0.3010: 0.0070 below FP32's 0.3080, 0.0091 at most, allowed is 0.0031",)


def test_a_form_whose_loss_may_be_too_large_for_all_one_knows_is_refused_for_lack_of_pages() -> None:
    verdict = judge("static", losses(0.3085, at_most=0.004), latencies(2.3), 100)
    found = "NDCG@10 0.3085: -0.0005 below FP32's 0.3080, 0.0040 at most"
    assert verdict.reasons == (f"{found}, allowed is 0.0031: 2,533 pages are too few to tell",)


def test_a_loss_as_large_as_allowed_passes_and_a_little_more_does_not() -> None:
    allowed = ALLOWED_LOSS * 0.5
    assert judge("static", losses(0.5, allowed - 1e-12, before=0.5), latencies(2), 1).passed
    assert not judge("static", losses(0.5, allowed + 1e-6, before=0.5), latencies(2), 1).passed


def test_a_form_that_is_slower_is_refused_with_the_figures() -> None:
    verdict = judge("static", SAME, latencies(0.8, noise=0), 1)
    (reason,) = verdict.reasons
    expected = "batch 1 337.5 µs: 0.80× as fast as FP32's 270.0 µs (95 % interval 0.80–0.80×), expected at least 1.03×"
    assert reason == f"{expected} throughout"


def test_a_form_that_is_slower_and_worse_is_told_both() -> None:
    assert len(judge("static", losses(0.2), latencies(0.8), 1).reasons) == 2


def test_noise_does_not_carry_a_form_through() -> None:
    verdict = judge("static", SAME, latencies(1.05, noise=0.05), 1)
    assert verdict.speed_up.median > 1.03
    assert verdict.speed_up.low < 1.03
    assert not verdict.passed


def test_a_quality_that_is_not_a_number_is_refused() -> None:
    assert not judge("static", losses(float("nan")), latencies(2), 1).passed


@pytest.mark.parametrize(
    ("rounds", "low", "high"), [(1, 1, 1), (5, 1, 5), (6, 1, 6), (9, 2, 8), (15, 4, 12), (25, 8, 18)]
)
def test_the_interval_is_the_textbooks(rounds: int, low: int, high: int) -> None:
    """Conover, *Practical Nonparametric Statistics*: order statistics around a median at 95 %."""
    interval = speed_up(list(range(1, rounds + 1)))
    assert (interval.low, interval.high) == (low, high)
    assert interval.median == (rounds + 1) / 2


def test_no_measurement_is_no_speed_up() -> None:
    with pytest.raises(ValueError, match="expected at least one round"):
        speed_up([])
