from __future__ import annotations

import os

import pytest

from shop.optimize.latency import Latencies, alone, measure_in_turn, measure_pair


def test_ratios_are_taken_within_a_round() -> None:
    measured = Latencies((100.0, 300.0), (50.0, 100.0))
    assert measured.ratios == (2.0, 3.0)
    assert (measured.baseline_median, measured.candidate_median) == (200.0, 75.0)


def test_a_pair_is_measured_in_turn_forwards_and_back() -> None:
    calls: list[str] = []
    measured = measure_pair(lambda: calls.append("a"), lambda: calls.append("b"), rounds=2)
    turns = "".join(call for call, before in zip(calls, ["", *calls], strict=False) if call != before)
    assert turns == "abababa"  # each warms up, then twice: a, b, b, a
    assert len(measured.ratios) == 2


def test_several_are_measured_in_turn() -> None:
    assert measure_in_turn({"a": lambda: None, "b": lambda: None}, rounds=1).keys() == {"a", "b"}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform cannot pin threads")
def test_the_thread_is_kept_on_one_core_and_let_go() -> None:
    before = os.sched_getaffinity(0)
    with alone():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
