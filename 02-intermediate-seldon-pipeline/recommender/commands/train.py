"""``make train-2`` fetches MovieLens, fits and evaluates both models, writes both artefacts and registers them."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from recommender.adapters.artefact import ModelCard, artefact_in, encode_parts, write_artefact
from recommender.domain.ranking import rank
from recommender.settings import RecommenderSettings
from recommender.training.fit import HELD_OUT, LIKED_STARS, FittedModels, parameters, train
from recommender.training.movielens import DataError, data_sha256, fetch_movielens, read_movielens
from recommender.training.onnx_export import als_onnx, ease_onnx
from workbench.registry import record

if TYPE_CHECKING:
    from pathlib import Path

    from recommender.domain.catalogue import Catalogue

__all__ = ["ALGORITHMS", "GOLDEN_ITEMS", "main"]

ALGORITHMS = {"1": "ease", "2": "als"}
"""The algorithm of each version."""

GOLDEN_ITEMS = 50
"""The number of each user's best items in the oracle."""

_LIBRARIES = {name: version(name) for name in ("numpy", "onnx")}


def main(settings: RecommenderSettings | None = None) -> int:
    """Writes the artefacts below ``settings.models_dir``; returns 0, or 1 with one line when the data is missing.

    Without settings, which a test gives, the artefacts are registered, too.
    """
    registers, settings = settings is None, settings or RecommenderSettings()
    folder = settings.movielens_dir
    try:
        if "movielens_dir" not in settings.model_fields_set:
            fetch_movielens(folder)
        interactions, catalogue = read_movielens(folder)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    with threadpool_limits(1):  # the sums of several threads may differ in their last digit
        fitted = train(interactions)
        graphs = {"1": ease_onnx(fitted.ease), "2": als_onnx(fitted.als)}
        for number, onnx in graphs.items():
            _write(settings, number, onnx, fitted, catalogue)
    _print(fitted, settings.models_dir, graphs)
    if registers:
        record([artefact_in(settings.models_dir / number) for number in graphs], print)
    return 0


def _write(settings: RecommenderSettings, number: str, onnx: bytes, fitted: FittedModels, catalogue: Catalogue) -> None:
    parts = encode_parts(fitted.normalisation, fitted.histories, catalogue)
    shape = [-1, len(catalogue)]
    card = ModelCard(
        name="recommender",
        version=number,
        algorithm=ALGORITHMS[number],
        sha256=hashlib.sha256(onnx).hexdigest(),
        files={name: hashlib.sha256(content).hexdigest() for name, content in parts.items()},
        inputs=[{"name": "features", "datatype": "FP32", "shape": shape}],
        outputs=[{"name": "scores", "datatype": "FP32", "shape": shape}],
        training_data_sha256=data_sha256(settings.movielens_dir),
        metrics=_metrics(fitted, number),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        libraries=_LIBRARIES,
        parameters=parameters(number),
    )
    golden = json.dumps(_golden(fitted, number, catalogue), separators=(",", ":")).encode()
    write_artefact(settings.models_dir / number, {"model.onnx": onnx, **parts, "golden.json": golden}, card)


def _metrics(fitted: FittedModels, number: str) -> dict[str, Any]:
    quality = fitted.quality[number]
    slices = {
        name: {"rows": each.users, **each.rounded(), "margin": each.margins()["ndcg_at_10"]}
        for name, each in fitted.slices[number].items()
    }
    return {
        "train_interactions": len(fitted.train),
        "held_out_interactions": len(fitted.held_out),
        "popularity": fitted.quality["popularity"].rounded(),
        **quality.rounded(),
        "margins": quality.margins(),
        "slices": {"ratings": slices},
    }


def _golden(fitted: FittedModels, number: str, catalogue: Catalogue) -> dict[str, Any]:
    """For each user the ids and the exact scores of the best items not rated yet, with nothing out of stock."""
    users: dict[str, Any] = {}
    for user, (rated, _), scores in zip(fitted.histories.users, fitted.histories, fitted.scores(number), strict=True):
        allowed = np.ones(len(catalogue), bool)
        allowed[rated] = False
        best = rank(scores, allowed, GOLDEN_ITEMS)
        users[str(user)] = {"ids": catalogue.ids[best].tolist(), "scores": scores[best].round(6).tolist()}
    return {"model": "recommender", "version": number, "users": users}


def _print(fitted: FittedModels, folder: Path, graphs: dict[str, bytes]) -> None:
    people, items = fitted.features.shape
    print(f"MovieLens 100K: {people} users, {items:,} films; {len(fitted.train):,} ratings to fit")
    judged = fitted.quality["popularity"].users
    print(f"held out        each user's last {HELD_OUT}; from {LIKED_STARS} stars on they count as liked")
    print(f"of {judged:3d} users    NDCG@10              recall@20      coverage@10")
    baseline = fitted.quality["popularity"].ndcg_at_10
    for name, each in fitted.quality.items():
        label = f"{name} {ALGORITHMS[name]}" if name in ALGORITHMS else name
        gain = f"{each.ndcg_at_10 / baseline:.2f}×"
        ndcg = f"{each.ndcg_at_10:.3f} ± {each.ndcg_margin:.3f} {gain}"
        recall = f"{each.recall_at_20:.3f} ± {each.recall_margin:.3f}"
        print(f"{label:15s} {ndcg}  {recall}  {each.coverage_at_10:.3f}")
    for number, onnx in graphs.items():
        digest = hashlib.sha256(onnx).hexdigest()
        print(f"artefact        {folder / number}  {len(onnx) / 1e6:.1f} MB  sha256 {digest[:16]}…")


if __name__ == "__main__":
    sys.exit(main())
