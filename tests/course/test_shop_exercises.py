"""What the exercises of level 3 teach is what its code does."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from course.exercises import load
from shop.canary.judge import Policy
from shop.canary.rollout import RolloutPlan
from shop.gateway.settings import GatewaySettings
from shop.optimize import gate, loss
from shop.optimize.item_matrix import weight_steps
from workbench.versions import ROOT

SOLUTIONS = ROOT / "03-advanced-multimodel-kserve" / "exercises" / "solutions"


def test_the_lock_lasts_and_is_waited_for_as_long_as_in_the_gateway() -> None:
    single_flight, fields = load(SOLUTIONS / "ex2_single_flight.py"), GatewaySettings.model_fields
    assert fields["cache_lock_ms"].default == single_flight.LOCK_S * 1e3
    assert fields["cache_wait_ms"].default == single_flight.WAIT_S * 1e3


def test_the_canary_is_judged_by_the_policy_of_the_walk() -> None:
    canary, policy, plan = load(SOLUTIONS / "ex3_canary.py"), Policy(), RolloutPlan("1", "2")
    taught = (canary.ALPHA, canary.MARGIN, canary.UNWELL, canary.ENOUGH)
    assert taught == (policy.alpha, policy.error_margin, policy.unwell, plan.min_requests)


def test_weights_become_the_same_integers_as_in_the_graph() -> None:
    weight = np.random.default_rng(7).normal(size=(64, 16)).astype(np.float32)
    weight[:, 3] = 0
    integers, steps = load(SOLUTIONS / "ex4_int8.py").quantise(weight)
    expected_integers, expected_steps = weight_steps(weight)
    np.testing.assert_array_equal(integers, expected_integers)
    np.testing.assert_array_equal(steps, expected_steps)


def test_the_gate_allows_as_much_as_the_real_one() -> None:
    int8 = load(SOLUTIONS / "ex4_int8.py")
    assert (int8.ALLOWED_LOSS, int8.MARGIN) == (gate.ALLOWED_LOSS, gate.MARGIN)
    assert NormalDist().inv_cdf(loss.CONFIDENCE) == pytest.approx(int8.QUANTILE, abs=0.001)
