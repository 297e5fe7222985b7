"""Weights outside the graph are found wherever a graph may name them, and nothing else is taken for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from servekit.external_data import TENSORS, has_external_data
from tests.external_onnx import external_model, external_weight, model_of

ADD = helper.make_node("Add", ["x", "w"], ["y"])
WEIGHT = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
CONSTANT = helper.make_node("Constant", [], ["w"], value=external_weight("w"))


def nested(depth: int) -> Any:
    node = CONSTANT
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["w"], then_branch=helper.make_graph([node], "g", [], []))
    return node


def sparse() -> Any:
    model = model_of([ADD], [])
    model.graph.sparse_initializer.append(SparseTensorProto(values=external_weight("w"), dims=[4]))
    return model


def function() -> Any:
    model = model_of([ADD], [WEIGHT])
    model.functions.append(helper.make_function("d", "f", [], ["w"], [CONSTANT], []))
    return model


def without_location() -> Any:
    """The names alone, and the values where they should be: no runtime reads the file, yet another may."""
    model = model_of([ADD], [WEIGHT])
    model.graph.initializer[0].external_data.add(key="location", value="w")
    return model


FOUND = [model_of([nested(depth)], []) for depth in (0, 1, 20)] + [sparse(), function(), without_location()]


@pytest.mark.parametrize("model", FOUND, ids=["constant", "branch", "branches", "sparse", "function", "names"])
def test_a_weight_in_a_file_is_found(model: Any) -> None:
    assert has_external_data(model.SerializeToString())


@pytest.mark.parametrize("location", ["w.bin", "../w", "/etc/passwd", ""])
def test_a_weight_is_found_wherever_its_file_is(location: str) -> None:
    assert has_external_data(external_model(location))


def test_a_graph_that_holds_its_weights_is_whole() -> None:
    raw = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], float_data=[1, 2, 3, 4])
    for weight in (WEIGHT, raw):
        assert not has_external_data(model_of([ADD], [weight]).SerializeToString())


def test_values_that_read_like_a_message_are_values() -> None:
    payload = external_model("w") * 3
    weight = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[len(payload)], raw_data=payload)
    assert not has_external_data(model_of([ADD], [weight]).SerializeToString())


@pytest.mark.parametrize("content", [b"", b"graph", b"\xff" * 100, b"\x00" * 50, b"\x3a\x7f"])
def test_bytes_that_are_no_graph_have_no_external_data(content: bytes) -> None:
    assert not has_external_data(content)


def test_the_table_has_every_field_of_onnx_that_leads_to_a_tensor() -> None:
    waiting, found = [onnx.ModelProto.DESCRIPTOR], {}
    while waiting:
        message = waiting.pop()
        fields = {each.number: each.message_type for each in message.fields if each.message_type}
        found[message.name] = {number: each.name for number, each in fields.items()}
        waiting += [each for each in fields.values() if each.name not in found]
    leads = {"TensorProto"}
    while more := {name for name, fields in found.items() if leads & {*fields.values()}} - leads:
        leads |= more
    assert {
        name: {number: each for number, each in found[name].items() if each in leads}
        for name in leads - {"TensorProto"}
    } == TENSORS
