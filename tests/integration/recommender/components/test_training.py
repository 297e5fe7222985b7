"""Training on the real data: how good the models are. That another run writes the same, the lesson's test shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommender.adapters.artefact import Artefact
from recommender.adapters.onnx_model import OnnxModel
from recommender.domain.request import RecommendationRequest
from recommender.service.preparation import Preparation

if TYPE_CHECKING:
    from pathlib import Path


def test_version_1_beats_popularity_by_far_and_version_2_clearly(models: Path) -> None:
    gains = {}
    for version in ("1", "2"):
        metrics = Artefact(models / version).card().metrics
        gains[version] = metrics["ndcg_at_10"] / metrics["popularity"]["ndcg_at_10"]
        assert metrics["recall_at_20"] > 1.5 * metrics["popularity"]["recall_at_20"]
        assert metrics["coverage_at_10"] > 3 * metrics["popularity"]["coverage_at_10"]
    assert gains["1"] >= 1.4
    assert gains["2"] >= 1.4


@pytest.mark.parametrize("version", ["1", "2"])
def test_every_users_ranking_is_numpys(models: Path, version: str) -> None:
    artefact = Artefact(models / version)
    catalogue, model = artefact.catalogue(), OnnxModel(artefact)
    preparation = Preparation(artefact.normalisation(), artefact.histories(), catalogue)
    golden = json.loads((artefact.folder / "golden.json").read_text())["users"]
    users = np.concatenate([preparation.prepare(RecommendationRequest(user=int(user))).features for user in golden])
    assert len(users) == 943
    for scores, best in zip(model.scores(users), golden.values(), strict=True):
        at = [catalogue.position[item] for item in best["ids"]]
        np.testing.assert_allclose(scores[at], best["scores"], atol=1e-4)
