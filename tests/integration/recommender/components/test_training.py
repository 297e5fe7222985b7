"""Training on the real data: how good the models are, and that it is the same each time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommender.adapters.artefact import Artefact
from recommender.adapters.onnx_model import OnnxModel
from recommender.domain.request import Request
from recommender.entrypoints import train
from recommender.service.preparation import Preparation
from recommender.settings import TrainingSettings
from servekit.versions import ROOT

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


def test_another_run_writes_the_same_models(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert train.main(TrainingSettings(models_dir=tmp_path)) == 0
    for version in ("1", "2"):
        one, two = Artefact(models / version).card(), Artefact(tmp_path / version).card()
        assert (one.sha256, one.files, one.training_data_sha256) == (two.sha256, two.files, two.training_data_sha256)


@pytest.mark.parametrize("version", ["1", "2"])
def test_every_users_ranking_is_numpys(models: Path, version: str) -> None:
    artefact = Artefact(models / version)
    catalogue, model = artefact.catalogue(), OnnxModel(artefact)
    preparation = Preparation(artefact.normalisation(), artefact.histories(), catalogue)
    golden = json.loads((artefact.folder / "golden.json").read_text())["users"]
    users = np.concatenate([preparation.prepare(Request(user=int(user))).features for user in golden])
    assert len(users) == 943
    for scores, best in zip(model.scores(users), golden.values(), strict=True):
        at = [catalogue.position[item] for item in best["ids"]]
        np.testing.assert_allclose(scores[at], best["scores"], atol=1e-4)
