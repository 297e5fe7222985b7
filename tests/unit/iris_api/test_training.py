"""Training: the same model each time, honestly judged, with a signature that is the graph's own."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

from iris_api.domain.flower import CLASS_NAMES

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

OIP_TYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}


@pytest.fixture
def data() -> ModuleType:
    from iris_api.training import iris_data  # noqa: PLC0415 - scikit-learn is for those who ask for it

    return iris_data


@pytest.fixture
def training() -> ModuleType:
    from iris_api.training import fit  # noqa: PLC0415 - the same

    return fit


def test_two_runs_give_the_same_files_besides_the_time(model_dir: Path, tmp_path: Path) -> None:
    from iris_api.training.artefact import write_model  # noqa: PLC0415 - likewise

    (tmp_path / "model.onnx").write_bytes(b"of a run before")
    card, _ = write_model(tmp_path)
    for name in ("model.onnx", "golden.json", "drift.json"):
        assert (tmp_path / name).read_bytes() == (model_dir / name).read_bytes(), name
    first, second = (json.loads((folder / "model.json").read_bytes()) for folder in (model_dir, tmp_path))
    assert first.pop("created")
    assert second.pop("created")
    assert first == second
    assert first["sha256"] == card.sha256


def test_the_card_vouches_for_the_bytes_and_the_data(model_dir: Path, data: ModuleType) -> None:
    card = json.loads((model_dir / "model.json").read_bytes())
    assert (card["name"], card["version"]) == ("iris", "1")
    assert card["sha256"] == hashlib.sha256((model_dir / "model.onnx").read_bytes()).hexdigest()
    assert card["training_data_sha256"] == data.data_sha256(*data.iris_rows())
    assert set(card["libraries"]) == {"scikit-learn", "skl2onnx", "onnx", "numpy"}


def test_the_report_tells_each_species_apart(model_dir: Path) -> None:
    metrics = json.loads((model_dir / "model.json").read_bytes())["metrics"]
    slices = metrics["slices"]["species"]
    assert list(slices) == list(CLASS_NAMES)
    assert {each["rows"] for each in slices.values()} == {40}
    mean = sum(each["accuracy"] for each in slices.values()) / 3
    assert mean == pytest.approx(metrics["cross_validated_accuracy"], abs=1e-3)
    assert all(0 < each["margin"] < 0.2 for each in slices.values())
    assert 0 < metrics["margins"]["test_accuracy"] < 0.2


def test_the_card_declares_the_tensors_of_the_graph(model_dir: Path) -> None:
    card = json.loads((model_dir / "model.json").read_bytes())
    session = onnxruntime.InferenceSession(model_dir / "model.onnx", providers=["CPUExecutionProvider"])

    def declared(tensors: list[onnxruntime.NodeArg]) -> list[dict[str, object]]:
        return [
            {
                "name": tensor.name,
                "datatype": OIP_TYPES[tensor.type],
                "shape": [-1 if size is None else size for size in tensor.shape],
            }
            for tensor in tensors
        ]

    assert card["inputs"] == declared(session.get_inputs())
    assert card["outputs"] == declared(session.get_outputs())


def test_the_report_tells_how_good_the_model_is(data: ModuleType, training: ModuleType) -> None:
    features, labels = data.iris_rows()
    pipeline, report = training.train(features, labels)
    assert (report.train_rows, report.test_rows) == (120, 30)
    assert report.baseline_accuracy == pytest.approx(1 / 3, abs=1e-4)
    assert report.cross_validated_accuracy > 0.9
    assert 0 < report.cross_validated_deviation < 0.1
    assert report.test_accuracy > 0.9
    assert (pipeline.predict(features) == labels).mean() > 0.95


def test_the_split_keeps_the_share_of_each_species(data: ModuleType, training: ModuleType) -> None:
    features, labels = data.iris_rows()
    # of 149 flowers of one species and a single one of the others, no stratified split exists: it is refused
    with pytest.raises(ValueError, match="least populated class"):
        training.train(features, np.minimum(labels, np.arange(150) == 149))
    pipeline, _ = training.train(features, labels)
    # standardisation holds the mean of what it was fitted on: 40 flowers of each species
    assert pipeline[0].n_samples_seen_ == 120
    assert pipeline.classes_.tolist() == [0, 1, 2]


def test_reference_scores_come_from_models_that_did_not_see_the_flower(data: ModuleType, training: ModuleType) -> None:
    features, labels = data.iris_rows()
    probabilities = training.out_of_fold(features, labels)
    assert probabilities.shape == (150, len(CLASS_NAMES))
    assert np.allclose(probabilities.sum(axis=1), 1)
    pipeline, _ = training.train(features, labels)
    assert not np.allclose(probabilities, pipeline.predict_proba(features), atol=1e-6)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.9
