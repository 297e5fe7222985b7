"""A model artefact: a folder with the model, its card with the sha256 of each file, and all that serving needs.

=====================  =============================================================================
file                   holds
=====================  =============================================================================
model.onnx             features (n, items) in, scores (n, items) out
model.json             name, version, sha256, signature, metrics, training data hash, library versions
preprocess.json        the parameters of the features
histories.safetensors  what each user rated, of the training part
items.json             the catalogue, in the order of features and scores
golden.json            the best items of every user as NumPy computes them: the oracle, not served
=====================  =============================================================================

``model.json`` holds the sha256 of each of the others but the oracle; a loaded file is checked against it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from recommender.adapters.tensors import decode, encode
from recommender.domain.catalogue import Catalogue, Item
from recommender.domain.interactions import Histories
from recommender.domain.normalisation import Normalisation
from servekit.artefact_folder import MODEL, ArtefactError, ArtefactFolder, encode_card
from servekit.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Artefact", "ArtefactError", "ModelCard", "artefact_in", "encode_parts", "write_artefact"]


@dataclass(frozen=True)
class ModelCard:
    """The contents of ``model.json``; ``sha256`` is the model's, ``files`` has those of the files beside it."""

    name: str
    version: str
    algorithm: str
    sha256: str
    files: dict[str, str]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    training_data_sha256: str
    metrics: dict[str, Any]
    created: str
    libraries: dict[str, str]
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Artefact:
    """An artefact on disk. Each part is read, and checked against the card, when it is asked for."""

    folder: Path

    def card(self) -> ModelCard:
        """The model's card.

        Raises:
            ArtefactError: ``model.json`` is missing, is no model card, or is not signed although it must be.
        """
        return self._files.card_as(ModelCard)

    def onnx(self) -> bytes:
        """The bytes of the model's ONNX graph."""
        return self._files.verified(MODEL, self.card().sha256)

    def normalisation(self) -> Normalisation:
        """The parameters that features are made with."""
        document = self._document("preprocess.json")
        return Normalisation(**{**document, "typical": np.array(document["typical"], np.float32)})

    def histories(self) -> Histories:
        """The ratings of each user in the training part."""
        name = "histories.safetensors"
        try:
            return Histories(**decode(self._part(name))[0])
        except (MalformedError, TypeError) as error:
            raise self._files.unreadable(name, "the histories", error) from None

    def catalogue(self) -> Catalogue:
        """The items, in the models' order."""
        return Catalogue(
            tuple(Item(each["id"], each["title"], tuple(each["genres"])) for each in self._document("items.json"))
        )

    def _document(self, name: str) -> Any:
        return json.loads(self._part(name))

    def _part(self, name: str) -> bytes:
        return self._files.verified(name, self.card().files.get(name, "none"))

    @property
    def _files(self) -> ArtefactFolder:
        return artefact_in(self.folder)


def encode_parts(normalisation: Normalisation, histories: Histories, catalogue: Catalogue) -> dict[str, bytes]:
    """The files beside the model, by name; the same parts give the same bytes."""
    parameters = {**vars(normalisation), "typical": [float(value) for value in normalisation.typical]}
    return {
        "preprocess.json": _json(parameters),
        "histories.safetensors": encode(vars(histories)),
        "items.json": _json([asdict(item) for item in catalogue.items]),
    }


def write_artefact(folder: Path, files: Mapping[str, bytes], card: ModelCard) -> None:
    """Writes the files, and the card last."""
    artefact_in(folder).write(files, encode_card(card))


def artefact_in(folder: Path) -> ArtefactFolder:
    """The files of a recommender in that folder; errors name ``make train-2`` and ``RECOMMENDER_MODEL_DIR``."""
    return ArtefactFolder(folder, "make train-2", "RECOMMENDER_MODEL_DIR", name="recommender")


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
