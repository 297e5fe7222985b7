"""What an engine is built for, held against its graph and against what Triton will ask of it: found without a GPU."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from deploy.tensorrt.build_engine import BATCHES, Profile
from shop.artefact import ModelCard, write_artefact
from shop.endpoints import MODELS
from shop.models.mlp import DenseLayer, Mlp
from shop.models.onnx_graph import FLOAT, Writer, add_mlp, tensor
from shop.models.personalisation.graphs import personalisation_onnx
from shop.optimize.forms import tensorrt_exports
from shop.optimize.latency import run_of, session
from shop.serving.model_config import Backend, serving_of
from shop.serving.repository import write_repository

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime as ort

WIDTHS = {"ranking": 128, "fraud": 64, "personalisation": 64}
OUTPUTS = {"ranking": "scores", "fraud": "probability"}
DATATYPES = {"tensor(float)": "FP32", "tensor(int32)": "INT32"}


def graph_of(model: str, random: np.random.Generator) -> bytes:
    """A small one with the model's own signature, made by the code that training uses."""
    width = WIDTHS[model]
    if model not in OUTPUTS:
        return personalisation_onnx(random.normal(size=(150, width)).astype(np.float32))
    layers = [
        DenseLayer((random.normal(size=shape) / 8).astype(np.float32), np.zeros(shape[1], np.float32))
        for shape in ((width, 32), (32, 16), (16, 1))
    ]
    writer = Writer()
    add_mlp(writer, Mlp(tuple(layers)), "features", OUTPUTS[model])
    return writer.model(model, [tensor("features", FLOAT, width)], [tensor(OUTPUTS[model], FLOAT)])


def described(values: list[ort.NodeArg]) -> list[dict[str, object]]:
    return [{"name": each.name, "datatype": DATATYPES[each.type], "shape": [-1, *each.shape[1:]]} for each in values]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Both versions of each model, as TensorRT gets them: FP32, and INT8 where there is such a graph."""
    random = np.random.default_rng(5)
    for name in MODELS:
        graph = graph_of(name, random)
        rows = random.normal(size=(500, WIDTHS[name])).astype(np.float32)
        model = session(graph)
        for version, parts in (("1", {}), ("2", tensorrt_exports(name, graph, rows))):
            signature = described(model.get_inputs()), described(model.get_outputs())
            card = ModelCard(name, version, "none", "FP32", *signature, {}, "", "", {})
            write_artefact(tmp_path / "models" / name / version, graph, card, parts)
    write_repository(tmp_path / "models", tmp_path / "repository", Backend.TENSORRT)
    return tmp_path / "repository"


def test_an_engines_profile_is_its_graphs_input_and_the_graph_takes_every_size_of_it(repository: Path) -> None:
    graphs = sorted(repository.glob("*/*/model.onnx"))
    assert len(graphs) == 2 * len(MODELS)
    for path in graphs:
        profile = Profile.of((path.parents[1] / "config.pbtxt").read_text())
        model = session(path.read_bytes())
        (taken,) = model.get_inputs()
        assert (taken.name, taken.type, taken.shape[1:]) == (profile.input, "tensor(float)", [profile.width]), path
        assert isinstance(taken.shape[0], str), f"{path}: an engine would take one number of rows alone"
        for rows in {1, profile.typical, profile.most, *(each for each in BATCHES if each <= profile.most)}:
            answers = run_of(model, np.ones((rows, profile.width), np.float32))()
            assert {len(answer) for answer in answers} == {rows}, path


def test_an_engine_gives_the_outputs_that_its_configuration_names(repository: Path) -> None:
    for path in sorted(repository.glob("*/*/model.onnx")):
        text = (path.parents[1] / "config.pbtxt").read_text()
        named = re.findall(r'output \[ \{ name: "(\w+)" data_type: TYPE_(\w+) ', text)
        assert named == [
            (each["name"], each["datatype"]) for each in described(session(path.read_bytes()).get_outputs())
        ]


@pytest.mark.parametrize("model", MODELS)
def test_what_the_batcher_prefers_and_what_warms_a_model_up_is_within_the_engines_profile(model: str) -> None:
    serving = serving_of(model)
    assert list(serving.preferred) == sorted(set(serving.preferred))
    assert all(1 < rows <= serving.max_batch for rows in serving.preferred)
    assert 1 <= serving.warm_up_rows <= serving.max_batch
