"""A model artefact: a folder with ``model.onnx``, and ``model.json`` that says what it is and vouches for its bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from servekit.oip.rest import TensorMetadata

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ArtefactError", "ModelCard", "read_artefact", "read_file", "write_artefact"]


class ArtefactError(Exception):
    """A model that must not be served: missing, incomplete, or not the bytes that were trained."""


class ModelCard(msgspec.Struct, frozen=True):
    """The contents of ``model.json``."""

    name: str
    version: str
    sha256: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    training_data_sha256: str
    metrics: dict[str, Any]
    created: str
    libraries: dict[str, str]


def write_artefact(folder: Path, onnx: bytes, card: ModelCard) -> None:
    """Writes both files; ``model.json`` last, so a folder without it is a run that did not finish."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").unlink(missing_ok=True)
    (folder / "model.onnx").write_bytes(onnx)
    (folder / "model.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")


def read_artefact(folder: Path) -> tuple[bytes, ModelCard]:
    """The ONNX bytes and their card.

    Raises:
        ArtefactError: a file is missing or unreadable, or the bytes are not those the card vouches for.
    """
    card = _read_card(folder / "model.json")
    onnx = read_file(folder / "model.onnx")
    actual = hashlib.sha256(onnx).hexdigest()
    if actual != card.sha256:
        raise ArtefactError(
            f"{folder / 'model.onnx'} sha256 {actual[:12]}…: model.json vouches for {card.sha256[:12]}…;"
            " the file is damaged or was replaced: run make train-1"
        )
    return onnx, card


def _read_card(path: Path) -> ModelCard:
    try:
        return msgspec.json.decode(read_file(path), type=ModelCard)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path}: not a model card: {error}: run make train-1") from None


def read_file(path: Path) -> bytes:
    """A file of the artefact; `ArtefactError` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path}: {error.strerror}: run make train-1, or set IRIS_MODEL_DIR") from None
