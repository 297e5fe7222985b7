"""Small models of the three kinds, and rows for them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shop.models.mlp import DenseLayer, Mlp
from shop.models.onnx_graph import FLOAT, Writer, add_mlp, tensor
from shop.models.personalisation.graphs import personalisation_onnx

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTHS = (16, 64, 32, 1)


@pytest.fixture(scope="session")
def rows() -> NDArray[np.float32]:
    """Columns of very different scales, none around 0."""
    rng = np.random.default_rng(3)
    spread = 10.0 ** np.linspace(-3, 3, WIDTHS[0])
    return ((rng.normal(size=(1200, WIDTHS[0])) + 2) * spread).astype(np.float32)


@pytest.fixture(scope="session")
def perceptron(rows: NDArray[np.float32]) -> bytes:
    """A network that weighs each column by its scale, as training with standardised features leaves it."""
    rng = np.random.default_rng(4)
    layers: list[DenseLayer] = []
    for into, out in pairwise(WIDTHS):
        weights = rng.normal(size=(into, out)) / np.sqrt(into) * 1.4
        if not layers:
            weights /= rows.std(axis=0)[:, None]
        layers.append(DenseLayer(weights.astype(np.float32), (rng.normal(size=out) * 0.1).astype(np.float32)))
    writer = Writer()
    add_mlp(writer, Mlp(tuple(layers)), "features", "scores")
    return writer.model("tiny", [tensor("features", FLOAT, WIDTHS[0])], [tensor("scores", FLOAT)])


@pytest.fixture(scope="session")
def users() -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(size=(300, 16)).astype(np.float32)


@pytest.fixture(scope="session")
def catalogue() -> bytes:
    items = np.random.default_rng(6).normal(size=(900, 16)) * np.linspace(2, 0.2, 900)[:, None]
    return personalisation_onnx(items.astype(np.float32))
