"""One version of a model on disk: ``models/<model>/<version>/`` with ``model.onnx`` and the card that vouches for it.

``model.json`` says what the model is and holds the sha256 of its graph and of each file beside it; whatever is read is
checked against it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from servekit.artefact_folder import MODEL, ArtefactError, ArtefactFolder, encode_card

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CHECK", "Artefact", "ArtefactError", "ModelCard", "artefact_in", "write_artefact"]

CHECK = "check.json"
"""Rows and the FP32 graph's answers to them: by which an engine that is built elsewhere is judged."""


@dataclass(frozen=True)
class ModelCard:
    """The contents of ``model.json``; ``sha256`` is the graph's, ``files`` has those of the files beside it."""

    name: str
    version: str
    algorithm: str
    precision: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    metrics: dict[str, Any]
    training_data_sha256: str
    created: str
    libraries: dict[str, str]
    sha256: str = ""
    files: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Artefact:
    """An artefact on disk. Each part is read, and checked against the card, when it is asked for."""

    folder: Path
    derived: bool = False
    """Whether this process made it of what it had checked, as it does shards: then nobody signed it."""

    @classmethod
    def of(cls, models_dir: Path, model: str, version: str) -> Artefact:
        """The artefact of a version of a model, whether it exists or not."""
        return cls(models_dir / model / version)

    def card(self) -> ModelCard:
        """The model card.

        Raises:
            ArtefactError: ``model.json`` is missing, is none, or is not signed although it must be.
        """
        return self._files.card_as(ModelCard)

    def onnx(self) -> bytes:
        """The bytes of the model's graph.

        Raises:
            ArtefactError: it is missing, or not the bytes that the card vouches for.
        """
        return self._files.verified(MODEL, self.card().sha256)

    def part(self, name: str) -> bytes:
        """The bytes of a file beside the graph.

        Raises:
            ArtefactError: as for the graph.
        """
        return self._files.verified(name, self.card().files.get(name, "none"))

    @property
    def _files(self) -> ArtefactFolder:
        return replace(artefact_in(self.folder), derived=self.derived)


def write_artefact(folder: Path, onnx: bytes, card: ModelCard, parts: Mapping[str, bytes] | None = None) -> ModelCard:
    """Writes the graph, the parts beside it and the card, into which it enters their sha256; returns that card."""
    parts = parts or {}
    complete = replace(card, sha256=_sha256(onnx), files={name: _sha256(content) for name, content in parts.items()})
    artefact_in(folder).write({MODEL: onnx, **parts}, encode_card(complete))
    return complete


def artefact_in(folder: Path) -> ArtefactFolder:
    """The files of a model's version in that folder; errors name ``make train-3`` and ``SHOP_RUN_DIR``."""
    return ArtefactFolder(folder, "make train-3", "SHOP_RUN_DIR", name=folder.absolute().parent.name)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
