"""EASE and ALS: against their definitions, and as ONNX graphs against NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest

from recommender.training.als import AlsSettings, fit_als
from recommender.training.ease import fit_ease
from recommender.training.onnx_export import als_onnx, ease_onnx

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recommender.domain.interactions import Histories
    from recommender.domain.normalisation import Normalisation

SETTINGS = AlsSettings(rank=8, confidence=2, ridge=5, rounds=8, seed=1)


@pytest.fixture(scope="module")
def features(normalisation: Normalisation, histories: Histories) -> NDArray[np.float32]:
    return normalisation.matrix(histories)


def run(onnx: bytes, features: NDArray[np.float32]) -> Any:
    return onnxruntime.InferenceSession(onnx).run(["scores"], {"features": features})[0]


def test_ease_solves_its_constrained_regression_item_by_item(features: NDArray[np.float32]) -> None:
    weights = fit_ease(features, ridge=10)
    wide = features.astype(np.float64)
    for item in (0, 7, 39):
        others = np.delete(np.arange(40), item)
        left = wide[:, others]
        exact = np.linalg.solve(left.T @ left + 10 * np.eye(39), left.T @ wide[:, item])
        np.testing.assert_allclose(weights[others, item], exact, atol=1e-9)
    assert np.all(np.diag(weights) == 0)


def test_als_finds_factors_that_no_single_user_can_improve(features: NDArray[np.float32]) -> None:
    model = fit_als(features, SETTINGS)
    wide = features[:1].astype(np.float64)
    watched = wide[0] > 0
    confidence = 1 + 2 * np.where(watched, wide[0], 0)
    user = np.linalg.lstsq(model.factors, model.scores(wide)[0], rcond=None)[0]
    gradient = model.factors.T @ (confidence * (model.factors @ user - watched)) + 5 * user
    np.testing.assert_allclose(gradient, 0, atol=1e-8)


@pytest.mark.parametrize("member", [0, 1])
def test_both_prefer_films_of_the_kind_that_the_member_likes(features: NDArray[np.float32], member: int) -> None:
    ease = features @ fit_ease(features, ridge=10)
    als = fit_als(features, SETTINGS).scores(features)
    for scores in (ease, als):
        unseen = np.where(features[member] == 0, scores[member], -np.inf)
        best = np.argsort(-unseen)[:3]
        assert set(best % 2) == {(member + 1) % 2}


def test_the_graph_of_ease_agrees_with_numpy(features: NDArray[np.float32]) -> None:
    weights = fit_ease(features, ridge=10)
    np.testing.assert_allclose(run(ease_onnx(weights), features), features @ weights, atol=1e-5)


def test_the_graph_of_als_solves_each_users_least_squares_problem(features: NDArray[np.float32]) -> None:
    model = fit_als(features, SETTINGS)
    np.testing.assert_allclose(run(als_onnx(model), features), model.scores(features), atol=1e-4)


def test_the_graph_of_als_scores_nothing_for_nobody(features: NDArray[np.float32]) -> None:
    nobody = np.zeros_like(features[:2])
    np.testing.assert_array_equal(run(als_onnx(fit_als(features, SETTINGS)), nobody), nobody)


def test_the_same_features_give_the_same_graphs(features: NDArray[np.float32]) -> None:
    assert ease_onnx(fit_ease(features, ridge=10)) == ease_onnx(fit_ease(features, ridge=10))
    assert als_onnx(fit_als(features, SETTINGS)) == als_onnx(fit_als(features, SETTINGS))
