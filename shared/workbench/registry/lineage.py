"""Where a version came from: what is written beside it when it is registered.

=========================  =====================================================================
tag                        holds
=========================  =====================================================================
sha256                     the digest of the ONNX graph
artefact_sha256            the digest of all files of the artefact but its card
artefact_version           the version in the model card, which clients know
metrics, signature         of the model card, as JSON
parameters                 that it was trained with, of the model card, as JSON
gate                       the report of the gate that it passed, as JSON; absent where there was none
training_data_sha256       of the model card
libraries, created         of the model card
git_commit                 of the checkout, with ``-dirty`` where files differ from it
lock_sha256                the digest of the pinned environment, ``infra/requirements/main.txt``
trained_by                 the command
=========================  =====================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHANGED", "lineage", "of_card"]

CHANGED: Final = "-dirty"
"""How a commit ends from which files of the checkout differed."""

_LOCK = ROOT / "infra" / "requirements" / "main.txt"
_GIT_TIMEOUT_S = 10.0


def lineage() -> dict[str, str]:
    """The tags of this checkout and its environment; ``unknown`` where there is no lock, or git cannot say."""
    return {"git_commit": _commit(), "lock_sha256": _lock()}


def of_card(card: Mapping[str, Any]) -> dict[str, str]:
    """The tags that a model card gives; its gate report, where its metrics hold one, is a tag of its own."""
    metrics = dict(card.get("metrics", {}))
    gate = metrics.pop("gate", None)
    tags = {
        "sha256": str(card["sha256"]),
        "artefact_version": str(card["version"]),
        "metrics": json.dumps(metrics),
        "signature": json.dumps({"inputs": card["inputs"], "outputs": card["outputs"]}),
        "parameters": json.dumps(card.get("parameters", {})),
        "training_data_sha256": str(card["training_data_sha256"]),
        "libraries": json.dumps(card["libraries"]),
        "created": str(card["created"]),
    }
    return tags if gate is None else {**tags, "gate": json.dumps(gate)}


def _lock() -> str:
    return hashlib.sha256(_LOCK.read_bytes()).hexdigest() if _LOCK.exists() else "unknown"


def _commit() -> str:
    head = _git("rev-parse", "HEAD")
    if not head:
        return os.environ.get("RELEASE_COMMIT") or "unknown"  # an image has no checkout, and knows what it was built of
    return f"{head}{CHANGED}" if _git("status", "--porcelain", "--untracked-files=no") else head


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=_GIT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
