"""Writes what the feature store is to hold: arrays whose row k belongs to id k. A row of zeros need not be stored."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from servekit.json_file import write_json
from shop.features.store import FILES, FLOAT, MANIFEST, POPULAR_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["write_features"]


def write_features(
    folder: Path, blocks: Mapping[str, NDArray[np.float32]], popular: NDArray[np.integer], as_of: int
) -> str:
    """Writes the arrays by key prefix, the popular items and, last, the manifest; returns the generation."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    files = {FILES[prefix]: _npy(block) for prefix, block in blocks.items()}
    files[POPULAR_FILE] = json.dumps(popular.tolist()).encode()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    generation = hashlib.sha256("".join(digests[name] for name in sorted(digests)).encode()).hexdigest()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    manifest: dict[str, Any] = {"generation": generation, "as_of": as_of, "files": digests}
    write_json(folder / MANIFEST, manifest)
    return generation


def _npy(block: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(block, FLOAT), allow_pickle=False)
    return buffer.getvalue()
