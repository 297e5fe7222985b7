"""What level 3's images are built from, with small models and features of which a test knows every answer."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np

from shop.features.store import EMBEDDING, ENTITY_WIDTH, FILES, ITEM_WIDTH, MANIFEST, POPULAR_FILE, USER_WIDTH
from tests.integration.shop.serving.triton_world import ITEMS, write_models
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["user_embedding", "write_context"]

USERS = 8
_COPIED = (
    "shared/servekit",
    "infra/docker",
    "infra/requirements",
    "03-advanced-multimodel-kserve/shop",
    "03-advanced-multimodel-kserve/docker",
)


def write_context(folder: Path) -> Path:
    """A build context: the repository's code, and artefacts of our own in place of the trained ones."""
    for name in _COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".dockerignore", "versions.toml"):
        shutil.copy(ROOT / name, folder / name)
    write_models(folder / ".run/3/models", (1, 2))
    _write_features(folder / ".run/3/features")
    return folder


def user_embedding(context: Path, user: int) -> NDArray[np.float32]:
    """What the personalisation model is given for a user, (1, EMBEDDING)."""
    users: NDArray[np.float32] = np.load(context / ".run/3/features" / FILES["u:"])
    return users[user : user + 1, USER_WIDTH:]


def _write_features(folder: Path) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(3)
    shapes = {"i:": (ITEMS, ITEM_WIDTH), "u:": (USERS, USER_WIDTH + EMBEDDING)}
    for prefix, name in FILES.items():
        np.save(folder / name, random.normal(size=shapes.get(prefix, (USERS, ENTITY_WIDTH))).astype(np.float32))
    (folder / POPULAR_FILE).write_text(json.dumps(list(range(ITEMS))))
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    generation = hashlib.sha256(json.dumps(sums).encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps({"generation": generation, "files": sums, "as_of": 0}))
