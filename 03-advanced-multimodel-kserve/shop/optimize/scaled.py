"""The first layer's input brought to one scale.

Training folds the scaling of the features into the first layer's weights, so raw columns enter the graph: a logarithm
of a price beside a rate. One quantisation step for all of them would be the widest column's, and the narrow ones would
vanish in it. So the scaling is taken out of the weights again: the product stays the same, ``x W + b`` with
``x = (x f + s - s) / f``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from shop.models.onnx_graph import Writer
    from shop.optimize.calibration_set import Scaling
    from shop.optimize.layers import Perceptron

__all__ = ["scaled", "write_scaling"]


def scaled(perceptron: Perceptron, scaling: Scaling) -> Perceptron:
    """The same function of scaled columns: its first layer expects ``x * factor + shift``."""
    first, *rest = perceptron.layers
    weight = (first.weight / scaling.factor[:, None]).astype(np.float32)
    bias = (first.bias - scaling.shift.astype(np.float64) @ weight.astype(np.float64)).astype(np.float32)
    return replace(perceptron, layers=(replace(first, weight=weight, bias=bias), *rest))


def write_scaling(writer: Writer, tensor: str, scaling: Scaling) -> str:
    """Two nodes that scale the tensor; the name of the result."""
    factor, shift = writer.constant("input_factor", scaling.factor), writer.constant("input_shift", scaling.shift)
    return writer.add("Add", writer.add("Mul", tensor, factor), shift)
