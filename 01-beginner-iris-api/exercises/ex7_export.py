"""Exercise 7 · Export, and believe nothing.

`export` turns a fitted scikit-learn pipeline of four features into ONNX, so that it can be served without scikit-learn:
one input `features` (float32, any number of rows, 4 columns), two outputs, `label` and `probabilities`. The second must
be a tensor: by default the converter makes a list of dictionaries of it, which no client wants to read.

`differences` is the proof: the numbers of the rows that the ONNX model answers otherwise than the pipeline, because the
label is another or a probability is more than 1e-4 off. The pipeline is the oracle. Ask both about the same float32
numbers.
"""

from __future__ import annotations

from typing import Any


def export(pipeline: Any) -> bytes:
    """The pipeline as the bytes of an ONNX file."""
    raise NotImplementedError


def differences(pipeline: Any, model: bytes, rows: Any) -> list[int]:
    """The numbers of the rows, in their order, that the model answers otherwise; `rows` is (n, 4), any float type."""
    raise NotImplementedError
