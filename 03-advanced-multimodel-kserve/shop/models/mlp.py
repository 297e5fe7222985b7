"""A multi-layer perceptron in NumPy: enough to distil a tree ensemble into a few matrix products.

ReLU between the layers, Adam, cosine learning rate; whoever trains supplies the gradient of the loss with respect to
the output. The same data and seed give the same weights, bit for bit, on one BLAS thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["Fit", "Layer", "Mlp", "Scaling", "train_mlp"]

_DECAY_1, _DECAY_2, _TINY = 0.9, 0.999, 1e-8  # Adam's own defaults


@dataclass(frozen=True)
class Scaling:
    """Brings features to mean 0 and spread 1; a column that never varies is ignored."""

    mean: NDArray[np.float32]
    weight: NDArray[np.float32]

    @classmethod
    def fit(cls, features: NDArray[np.float32]) -> Scaling:
        """As the rows of ``features`` are."""
        mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        weight = np.where(spread > 1e-4, 1 / np.maximum(spread, 1e-4), 0)  # noqa: PLR2004 - below float32's noise
        return cls(mean.astype(np.float32), weight.astype(np.float32))

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = (features - self.mean) * self.weight
        return scaled


@dataclass(frozen=True)
class Layer:
    """``x @ weights + bias``."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class Mlp:
    """Layers with ReLU between them; the last has one output."""

    layers: tuple[Layer, ...]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,): the output for features (n, width)."""
        hidden = features
        for layer in self.layers[:-1]:
            hidden = np.maximum(hidden @ layer.weights + layer.bias, 0)
        last = self.layers[-1]
        output: NDArray[np.float32] = (hidden @ last.weights + last.bias)[:, 0]
        return output

    def folded(self, scaling: Scaling) -> Mlp:
        """The same network for features that are not scaled."""
        first = self.layers[0]
        weights = first.weights * scaling.weight[:, None]
        bias = first.bias - scaling.mean.astype(np.float64) @ weights.astype(np.float64)
        return Mlp((Layer(weights, bias.astype(np.float32)), *self.layers[1:]))


@dataclass(frozen=True)
class Fit:
    """How to train.

    Attributes:
        hidden: widths of the hidden layers.
        rate: learning rate to begin with.
        decay: weight decay, decoupled from the gradient.
        seed: of the weights to begin with.
    """

    hidden: tuple[int, ...]
    rate: float
    decay: float
    seed: int


Batch = tuple["NDArray[np.float32]", "Callable[[NDArray[np.float32]], NDArray[np.float32]]"]
"""Scaled features (n, width), and what gives the gradient of the loss for outputs (n,)."""


def train_mlp(width: int, fit: Fit, batches: Iterable[Batch], steps: int) -> Mlp:
    """Trains on the batches, of which there are ``steps``."""
    layers = _begin(width, fit)
    momenta = [(np.zeros_like(each), np.zeros_like(each)) for each in layers]
    for step, (features, gradient) in enumerate(batches):
        rate = fit.rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        activations = _forward(layers, features)
        slopes = _backward(layers, activations, gradient(activations[-1][:, 0]))
        for layer, slope, momentum in zip(layers, slopes, momenta, strict=True):
            _adam(layer, slope, momentum, rate, step, fit.decay if layer.ndim > 1 else 0.0)
    pairs = zip(layers[::2], layers[1::2], strict=True)
    return Mlp(tuple(Layer(weights, bias) for weights, bias in pairs))


def _begin(width: int, fit: Fit) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(fit.seed)
    widths = [width, *fit.hidden, 1]
    layers: list[NDArray[np.float32]] = []
    for into, out in zip(widths, widths[1:], strict=False):
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


def _adam(
    layer: NDArray[np.float32],
    slope: NDArray[np.float32],
    momentum: tuple[NDArray[np.float32], NDArray[np.float32]],
    rate: float,
    step: int,
    decay: float,
) -> None:
    first, second = momentum
    first += (1 - _DECAY_1) * (slope - first)
    second += (1 - _DECAY_2) * (slope * slope - second)
    unbiased = np.sqrt(1 - _DECAY_2 ** (step + 1)) / (1 - _DECAY_1 ** (step + 1))
    layer -= np.float32(rate) * (
        np.float32(unbiased) * first / (np.sqrt(second) + np.float32(_TINY)) + np.float32(decay) * layer
    )
