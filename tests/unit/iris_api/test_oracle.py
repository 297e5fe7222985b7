"""The oracle: what ONNX Runtime answers is what scikit-learn answers."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_api.adapters.onnx_model import OnnxModel
from iris_api.domain.flower import MAX_CM

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from iris_api.training.golden import Golden

    Rows = tuple[NDArray[np.float64], NDArray[np.int64]]

TOLERANCE = 1e-5
ROUNDING = 1e-3
"""How much two float32 sums of standardised lengths up to 100 cm may move a probability."""


@pytest.fixture(scope="module")
def model(model_dir: Path) -> OnnxModel:
    return OnnxModel(model_dir)


@pytest.fixture(scope="module")
def rows() -> Rows:
    from iris_api.training.iris_data import iris_rows  # noqa: PLC0415 - scikit-learn is for those who ask for it

    return iris_rows()


@pytest.fixture(scope="module")
def pipeline(rows: Rows) -> Any:
    from iris_api.training.fit import train  # noqa: PLC0415 - likewise

    return train(*rows)[0]


def test_every_flower_of_the_data_set_gets_scikit_learns_answer(model: OnnxModel, golden: Golden) -> None:
    labels, probabilities = model.run(golden.features.astype(np.float32))
    assert labels.dtype == np.int64
    assert probabilities.dtype == np.float32
    assert np.array_equal(labels, golden.labels)
    assert np.abs(probabilities - golden.probabilities).max() < TOLERANCE


def test_golden_json_is_scikit_learns_own_answer(golden: Golden, pipeline: Any, rows: Rows) -> None:
    features, _ = rows
    assert np.array_equal(golden.features, features)
    assert np.array_equal(golden.labels, pipeline.predict(features))
    assert np.array_equal(golden.probabilities, pipeline.predict_proba(features))


def test_a_grid_over_all_plausible_flowers_gets_scikit_learns_answer(model: OnnxModel, pipeline: Any) -> None:
    axes = [np.linspace(low, high, 9) for low, high in ((4, 8), (2, 4.5), (1, 7), (0, 2.5))]
    agree(model, pipeline, np.array(list(product(*axes)), np.float32), TOLERANCE)


@given(st.lists(st.tuples(*[st.floats(0, MAX_CM, width=32)] * 4), min_size=1, max_size=50))
def test_any_valid_lengths_get_scikit_learns_answer(
    model: OnnxModel, pipeline: Any, rows: list[tuple[float, ...]]
) -> None:
    agree(model, pipeline, np.array(rows, np.float32), ROUNDING)


def agree(model: OnnxModel, pipeline: Any, rows: NDArray[np.float32], tolerance: float) -> None:
    """Equal probabilities, and equal labels wherever the two likeliest species are not a tie."""
    labels, probabilities = model.run(rows)
    expected = pipeline.predict_proba(rows.astype(np.float64))
    assert np.abs(probabilities - expected).max() < tolerance
    runner_up, best = np.sort(expected, axis=1)[:, -2:].T
    clear = best - runner_up > 2 * tolerance
    assert np.array_equal(labels[clear], expected.argmax(axis=1)[clear])
    assert clear.any() or len(rows) < 50
