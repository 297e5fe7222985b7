"""What exercise 7 must do: pipelines that are trained here and now, and models in which something was changed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from course.exercises import expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = 3
CLOSE = 1e-4


def check_the_input_and_the_outputs_are_as_asked(answer: Path) -> None:
    pipeline, _ = trained()
    session = onnxruntime.InferenceSession(load(answer).export(pipeline))
    inputs = [(each.name, each.type, each.shape[1:]) for each in session.get_inputs()]
    expect_equal("the inputs", inputs, [("features", "tensor(float)", [4])])
    rows = session.get_inputs()[0].shape[0]
    expect(not isinstance(rows, int), f"the number of rows {rows!r}: expected any number")
    outputs = {each.name: each.type for each in session.get_outputs()}
    expect_equal("the outputs", outputs, {"label": "tensor(int64)", "probabilities": "tensor(float)"})


def check_the_exported_model_answers_like_the_pipeline(answer: Path) -> None:
    for _ in range(3):
        pipeline, rows = trained()
        session = onnxruntime.InferenceSession(load(answer).export(pipeline))
        for some in (rows, rows[:1]):
            _, probabilities = session.run(["label", "probabilities"], {"features": some})
            off = float(np.abs(probabilities - pipeline.predict_proba(some)).max())
            expect(off <= CLOSE, f"a probability of {len(some)} rows is {off:.2g} off: expected 1e-4 at most")


def check_a_true_copy_has_no_differences(answer: Path) -> None:
    pipeline, rows = trained()
    module = load(answer)
    draw = np.random.default_rng(secrets.randbits(64))
    never_seen = rows.astype(np.float64) * draw.uniform(-3, 3, rows.shape)
    edges = np.array([[0.0] * 4, [1e6] * 4, [-1e6] * 4, [1e-30] * 4])
    for some in (rows, never_seen, edges):
        expect_equal("differences(a true copy)", module.differences(pipeline, module.export(pipeline), some), [])


def check_every_changed_answer_is_found_and_no_other(answer: Path) -> None:
    module = load(answer)
    for factor in (1.02, 1.3, -1.0):
        pipeline, rows = trained()
        model = changed(module.export(pipeline), factor)
        label, probabilities = onnxruntime.InferenceSession(model).run(["label", "probabilities"], {"features": rows})
        off = np.abs(probabilities - pipeline.predict_proba(rows)).max(axis=1) > CLOSE
        wrong = np.flatnonzero(off | (label != pipeline.predict(rows))).tolist()
        found = module.differences(pipeline, model, rows)
        expect_equal(f"differences(a model whose coefficients are {factor:g} times as large)", list(found), wrong)


def trained() -> tuple[Any, Any]:
    """A pipeline fitted to clouds of points that nobody has seen before, and rows to ask about."""
    draw = np.random.default_rng(secrets.randbits(64))
    middles = draw.normal(size=(CLASSES, 4)) * 3 + draw.uniform(-50, 50)
    labels = draw.integers(0, CLASSES, 200)
    rows = (middles[labels] + draw.normal(size=(200, 4))).astype(np.float32)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)).fit(rows, labels), rows


def changed(model: bytes, factor: float) -> bytes:
    """The model with the coefficients of its classifier multiplied."""
    graph = onnx.load_from_string(model)
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name == "coefficients":
                attribute.floats[:] = [value * factor for value in attribute.floats]
    for tensor in graph.graph.initializer:
        if "coef" in tensor.name:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
    changed: bytes = graph.SerializeToString()
    return changed
