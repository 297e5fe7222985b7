"""A run folder with three small models as training leaves them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.sparse import csr_array

from shop.artefact import ModelCard, write_artefact
from shop.models.judging import CHOOSING, TEST, Evaluation, write_evaluation
from shop.models.mlp import DenseLayer, Mlp
from shop.models.onnx_graph import FLOAT, Writer, add_mlp, tensor
from shop.models.personalisation.graphs import personalisation_onnx

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, ITEMS, PAGE = 16, 800, 20


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """What people do follows from the models' own scores and chance, so that the models are good at it."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, WIDTH)).astype(np.float32)
    calibration, held_out = rows[:1000], rows[1000:]
    network = _network(rng)
    scores = network(held_out)
    noise = rng.normal(size=len(scores)) * scores.std()
    gains = np.where(scores + noise > np.quantile(scores, 0.8), 1.0, 0.0)
    start = np.arange(0, len(scores) + 1, PAGE)
    truth = {"gains": gains, "start": start}
    _write(tmp_path, _onnx(network, "scores"), Evaluation("ranking", calibration, held_out, truth))
    paid = {"fraud": gains > 0, "payer": np.arange(len(gains)) // 3}
    _write(tmp_path, _onnx(network, "probability"), Evaluation("fraud", calibration, held_out, paid))
    items = rng.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    looked = csr_array(held_out[:300] @ items.T + rng.normal(size=(300, ITEMS)) * 4 > 12)
    liked = {"indptr": looked.indptr, "indices": looked.indices, "items": np.array(ITEMS)}
    _write(tmp_path, personalisation_onnx(items), Evaluation("personalisation", calibration, held_out[:300], liked))
    return tmp_path


def _network(rng: np.random.Generator) -> Mlp:
    layers = []
    for into, out in ((WIDTH, 32), (32, 16), (16, 1)):
        weights = (rng.normal(size=(into, out)) * np.sqrt(2 / into)).astype(np.float32)
        layers.append(DenseLayer(weights, np.zeros(out, np.float32)))
    return Mlp(tuple(layers))


def _onnx(network: Mlp, output: str) -> bytes:
    writer = Writer()
    add_mlp(writer, network, "features", output)
    return writer.model("tiny", [tensor("features", FLOAT, WIDTH)], [tensor(output, FLOAT)])


def _write(run_dir: Path, onnx: bytes, evaluation: Evaluation) -> None:
    for period in (CHOOSING, TEST):  # the same: what chance is between them, other tests look at
        write_evaluation(run_dir, replace(evaluation, period=period))
    card = ModelCard(
        name=evaluation.model,
        version="1",
        algorithm="made up",
        precision="FP32",
        inputs=[],
        outputs=[],
        metrics={},
        training_data_sha256="none",
        created="2026-11-26T00:00:00+00:00",
        libraries={},
    )
    write_artefact(run_dir / "models" / evaluation.model / "1", onnx, card)
