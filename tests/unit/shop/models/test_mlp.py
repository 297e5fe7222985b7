from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from shop.models.mlp import Fit, Standardisation, _backward, _begin, _forward, train_mlp

FIT = Fit(hidden=(16, 8), epochs=60, batch=50, rate=1e-2, decay=0.0, seed=7)
RNG = np.random.default_rng(7)
FEATURES = (RNG.normal(size=(400, 6)) * [1, 5, 0.1, 1, 1, 0] + [0, 30, 0, 0, 0, 4]).astype(np.float32)
TARGET = (np.abs(FEATURES[:, 0]) + (FEATURES[:, 1] - 30) / 5 * FEATURES[:, 3]).astype(np.float32)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    threadpool_limits(1)


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    layers: list[Any] = [each.astype(np.float64) for each in _begin(6, FIT)]  # float64, to be exact
    inputs: Any = FEATURES[:7].astype(np.float64)

    def loss() -> float:
        return float((_forward(layers, inputs)[-1] ** 2).sum() / 2)

    activations = _forward(layers, inputs)
    slopes = _backward(layers, activations, activations[-1][:, 0])
    for layer, slope in zip(layers, slopes, strict=True):
        place = np.unravel_index(int(np.abs(slope).argmax()), slope.shape)
        before, step = layer[place], 1e-6
        layer[place] = before + step
        above = loss()
        layer[place] = before - step
        below = loss()
        layer[place] = before
        assert (above - below) / (2 * step) == pytest.approx(float(slope[place]), rel=1e-4)


def test_the_network_learns_a_function_that_is_not_linear() -> None:
    mlp = train_mlp(FEATURES, TARGET, FIT, np.subtract)
    line = np.linalg.lstsq(np.c_[FEATURES, np.ones(400)], TARGET, rcond=None)[0]
    linear = float(((np.c_[FEATURES, np.ones(400)] @ line - TARGET) ** 2).mean())
    assert float(((mlp(FEATURES) - TARGET) ** 2).mean()) < 0.1 * linear


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again = (train_mlp(FEATURES, TARGET, FIT, np.subtract) for _ in range(2))
    assert all(
        one.weights.tobytes() == two.weights.tobytes() and one.bias.tobytes() == two.bias.tobytes()
        for one, two in zip(first.layers, again.layers, strict=True)
    )


def test_a_column_that_never_varied_has_no_say() -> None:
    mlp = train_mlp(FEATURES, TARGET, FIT, np.subtract)
    odd = FEATURES.copy()
    odd[:, 5] = 1e6
    np.testing.assert_array_equal(mlp(odd), mlp(FEATURES))


def test_scaled_features_have_mean_zero_and_spread_one() -> None:
    scaled = Standardisation.fit(FEATURES)(FEATURES)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 1, 1, 1, 0], atol=1e-3)
