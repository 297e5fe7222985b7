"""A model artefact: a folder with ``model.onnx`` and ``model.json``, which describes the model and has its sha256."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servekit.artefact_folder import CARD, MODEL, ArtefactError, ArtefactFolder
from servekit.json_file import indented
from servekit.oip.rest import TensorMetadata

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ArtefactError", "ModelCard", "artefact_in", "read_artefact", "write_artefact"]


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
    parameters: dict[str, Any] = {}


def artefact_in(folder: Path) -> ArtefactFolder:
    """The files of an iris artefact in that folder; errors name ``make train-1`` and ``IRIS_MODEL_DIR``."""
    return ArtefactFolder(folder, "make train-1", "IRIS_MODEL_DIR", name="iris")


def write_artefact(folder: Path, onnx: bytes, card: ModelCard) -> None:
    """Writes ``model.onnx``, then ``model.json``."""
    artefact_in(folder).write({MODEL: onnx}, indented(card))


def read_artefact(folder: Path) -> tuple[bytes, ModelCard]:
    """The ONNX bytes and their card.

    Raises:
        ArtefactError: a file is missing or unreadable, the sha256 differs from the card's, or the card is not signed
            although it must be.
    """
    files = artefact_in(folder)
    try:
        card = msgspec.json.decode(files.card(), type=ModelCard)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise files.unreadable(CARD, "a model card", error) from None
    return files.verified(MODEL, card.sha256), card
