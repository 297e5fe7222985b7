"""A multi-layer perceptron in NumPy: enough to distil a tree ensemble into a few matrix products.

ReLU between the layers, Adam, cosine learning rate; whoever trains supplies the gradient of the loss with respect to
the output. The same data and seed give the same weights, bit for bit, on one BLAS thread. Why not PyTorch: 200 MB more
in the environment, for three layers that train in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["DenseLayer", "Fit", "Mlp", "Standardisation", "train_mlp"]

_DECAY_1, _DECAY_2, _TINY = 0.9, 0.999, 1e-8  # Adam's own defaults


@dataclass(frozen=True)
class Standardisation:
    """Brings features to mean 0 and spread 1; a column that never varies is ignored."""

    mean: NDArray[np.float32]
    weight: NDArray[np.float32]

    @classmethod
    def fit(cls, features: NDArray[np.float32]) -> Standardisation:
        """The standardisation of these rows, (n, width)."""
        mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        weight = np.where(spread > 1e-4, 1 / np.maximum(spread, 1e-4), 0)  # noqa: PLR2004 - below float32's noise
        return cls(mean.astype(np.float32), weight.astype(np.float32))

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, width): the features, standardised."""
        scaled: NDArray[np.float32] = (features - self.mean) * self.weight
        return scaled


@dataclass(frozen=True)
class DenseLayer:
    """``x @ weights + bias``."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class Mlp:
    """Layers with ReLU between them; the last has one output."""

    layers: tuple[DenseLayer, ...]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,): the output for features (n, width)."""
        hidden = features
        for layer in self.layers[:-1]:
            hidden = np.maximum(hidden @ layer.weights + layer.bias, 0)
        last = self.layers[-1]
        output: NDArray[np.float32] = (hidden @ last.weights + last.bias)[:, 0]
        return output

    def folded(self, scaling: Standardisation) -> Mlp:
        """The same network for features that are not scaled."""
        first = self.layers[0]
        weights = first.weights * scaling.weight[:, None]
        bias = first.bias - scaling.mean.astype(np.float64) @ weights.astype(np.float64)
        return Mlp((DenseLayer(weights, bias.astype(np.float32)), *self.layers[1:]))


@dataclass(frozen=True)
class Fit:
    """How to train.

    Attributes:
        hidden: widths of the hidden layers.
        epochs: how often each row is learned from.
        batch: rows of a step.
        rate: learning rate to begin with.
        decay: weight decay, decoupled from the gradient.
        seed: of the weights to begin with, and of the order of rows.
    """

    hidden: tuple[int, ...]
    epochs: int
    batch: int
    rate: float
    decay: float
    seed: int


Gradient = Callable[["NDArray[np.float32]", "NDArray[np.float32]"], "NDArray[np.float32]"]
"""Of each row's loss with respect to its output, given outputs and targets (n,)."""


def train_mlp(features: NDArray[np.float32], target: NDArray[np.float32], fit: Fit, gradient: Gradient) -> Mlp:
    """A network for raw features (n, width): their scaling is folded into its first layer."""
    scaling = Standardisation.fit(features)
    scaled = scaling(features)
    layers = _begin(features.shape[1], fit)
    moves = [_Adam(each, fit.decay if each.ndim > 1 else 0.0) for each in layers]
    steps = fit.epochs * -(-len(target) // fit.batch)
    for step, rows in enumerate(_batches(len(target), fit)):
        rate = fit.rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        activations = _forward(layers, scaled[rows])
        error = gradient(activations[-1][:, 0], target[rows]) / np.float32(len(rows))
        slopes = _backward(layers, activations, error)
        for move, slope in zip(moves, slopes, strict=True):
            move(slope, rate, step)
    pairs = zip(layers[::2], layers[1::2], strict=True)
    return Mlp(tuple(DenseLayer(weights, bias) for weights, bias in pairs)).folded(scaling)


def _batches(rows: int, fit: Fit) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(fit.seed)
    for _ in range(fit.epochs):
        order = rng.permutation(rows)
        for start in range(0, rows, fit.batch):
            yield order[start : start + fit.batch]


def _begin(width: int, fit: Fit) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(fit.seed)
    widths = [width, *fit.hidden, 1]
    layers: list[NDArray[np.float32]] = []
    for into, out in pairwise(widths):
        layers.append(rng.normal(0, np.sqrt(2 / into), (into, out)).astype(np.float32))
        layers.append(np.zeros(out, np.float32))
    layers[-2] *= 0.1  # an output near 0 to begin with
    return layers


def _forward(layers: Sequence[NDArray[np.float32]], features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    activations = [features]
    for position in range(0, len(layers), 2):
        hidden = activations[-1] @ layers[position]
        hidden += layers[position + 1]
        if position + 2 < len(layers):
            np.maximum(hidden, 0, out=hidden)
        activations.append(hidden)
    return activations


def _backward(
    layers: Sequence[NDArray[np.float32]], activations: Sequence[NDArray[np.float32]], gradient: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    slopes: list[NDArray[np.float32]] = []
    error = gradient[:, None]
    for position in range(len(layers) - 2, -1, -2):
        into = activations[position // 2]
        slopes[:0] = [into.T @ error, error.sum(axis=0)]
        if position:
            error = error @ layers[position].T
            error *= into > 0
    return slopes


class _Adam:
    """Moves a layer's weights, in place."""

    def __init__(self, layer: NDArray[np.float32], decay: float) -> None:
        self._layer, self._decay = layer, np.float32(decay)
        self._first, self._second = np.zeros_like(layer), np.zeros_like(layer)

    def __call__(self, slope: NDArray[np.float32], rate: float, step: int) -> None:
        self._first += (1 - _DECAY_1) * (slope - self._first)
        self._second += (1 - _DECAY_2) * (slope * slope - self._second)
        unbiased = np.float32(np.sqrt(1 - _DECAY_2 ** (step + 1)) / (1 - _DECAY_1 ** (step + 1)))
        move = unbiased * self._first / (np.sqrt(self._second) + np.float32(_TINY))
        self._layer -= np.float32(rate) * (move + self._decay * self._layer)
