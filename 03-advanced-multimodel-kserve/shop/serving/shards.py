"""The catalogue cut into slices: a personalisation model for each, made from the whole one when it is served."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from shop.artefact import Artefact, ArtefactError, write_artefact
from shop.models.personalisation.graphs import TOP, item_matrix
from shop.models.personalisation.sharding import bounds, shard

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_shards"]

_PRECISION = "FP32"


def write_shards(source: Path, folder: Path, shards: int) -> list[Path]:
    """Writes ``personalisation-0/<version>``, ``personalisation-1/<version>`` … as artefacts; returns their folders.

    Only versions in FP32 are cut: in INT8 the slices would be quantised anew, and so would not be what the gate judged.

    Raises:
        ArtefactError: a version is not what its card vouches for, no version can be cut, or into so many slices.
    """
    shutil.rmtree(folder, ignore_errors=True)
    whole = [Artefact(path.parent) for path in sorted(source.glob("*/model.json"))]
    cut = [artefact for artefact in whole if artefact.card().precision == _PRECISION]
    if not cut:
        raise ArtefactError(f"{source}: no version in {_PRECISION} to cut into shards: run make train-3")
    for artefact in cut:
        _write(artefact, folder, shards)
    return [folder / f"{source.name}-{number}" for number in range(shards)]


def _write(artefact: Artefact, folder: Path, shards: int) -> None:
    card, onnx = artefact.card(), artefact.onnx()
    try:
        limits, graphs = bounds(len(item_matrix(onnx)), shards), shard(onnx, shards)
    except ValueError as error:
        raise ArtefactError(f"SHOP_SHARDS: {error}") from None
    for number, ((low, high), graph) in enumerate(zip(pairwise(limits), graphs, strict=True)):
        # by the folders' names: what the card says is no path
        name, length = f"{artefact.folder.parent.name}-{number}", min(TOP, high - low)
        outputs = [{**output, "shape": [-1, length]} for output in card.outputs]
        write_artefact(folder / name / artefact.folder.name, graph, replace(card, name=name, outputs=outputs))
