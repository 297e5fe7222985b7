"""The oracle of the exam: the ranking that an answer's own model version makes of ratings, without any server."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from course.exam import NotJudgedError
from recommender.adapters.artefact import Artefact
from recommender.adapters.inventory import Inventory
from recommender.domain.request import RecommendationRequest
from recommender.service.preparation import Preparation
from servekit.errors import NotReadyError
from workbench.stack import elsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from recommender.domain.catalogue import Catalogue
    from recommender.settings import RecommenderSettings

__all__ = ["Oracle"]

_TOLERANCE = 1e-4


class Oracle:
    """Computes what should be recommended to somebody who gave these ratings.

    Args:
        settings: where the artefacts are, and the inventory that says what is out of stock.

    Raises:
        ArtefactError, NotReadyError: an artefact is missing, or the inventory does not answer.
    """

    def __init__(self, settings: RecommenderSettings) -> None:
        self.settings = settings
        self._sessions: dict[str, Any] = {}
        artefact = Artefact(settings.stable_dir)
        self.catalogue: Catalogue = artefact.catalogue()
        self.histories = artefact.histories()

    @cached_property
    def out(self) -> frozenset[int]:
        """What is out of stock now, by the items' ids; not to be judged where the inventory is not in reach."""
        url, login = self.settings.inventory_url, self.settings.inventory_login
        try:
            return frozenset(Inventory(url, self.catalogue, timeout_s=5, login=login).out())
        except NotReadyError as problem:
            if elsewhere() is None:
                raise
            where = "RECOMMENDER_VALKEY_HOST and RECOMMENDER_VALKEY_PORT say where it is"
            raise NotJudgedError(f"what is out of stock is not known: {problem}; {where}") from None

    def inventory(self) -> Inventory:
        """The inventory, with the rights to change it."""
        return Inventory(self.settings.inventory_url, self.catalogue, timeout_s=5, login=self.settings.inventory_login)

    def check(self, ratings: Mapping[int, float], k: int, answer: Any) -> str | None:
        """None for the right items with the right scores, else the first place that is wrong."""
        scores = self._scores(str(answer["meta"]["tags"]["version"]), ratings)
        left = [item for item in self.catalogue.ids.tolist() if item not in ratings and item not in self.out]
        best = sorted((float(scores[self.catalogue.position[item]]) for item in left), reverse=True)[:k]
        found = answer["jsonData"]["items"]
        if len(found) != len(best) or len({each["id"] for each in found}) != len(best):
            return f"{len(found)} items, expected {len(best)} different ones"
        for place, (each, expected) in enumerate(zip(found, best, strict=True), 1):
            own = float(scores[self.catalogue.position[each["id"]]])
            if abs(each["score"] - expected) > _TOLERANCE or abs(each["score"] - own) > _TOLERANCE:
                return f"place {place} is item {each['id']} ({each['score']}), expected a score of {expected:.6f}"
        return None

    def _scores(self, version: str, ratings: Mapping[int, float]) -> NDArray[np.float32]:
        artefact = next(
            each for each in map(Artefact, self.settings.served_dirs) if each.card().version == version
        )  # fmt: skip
        if version not in self._sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            graph = artefact.onnx()
            self._sessions[version] = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        preparation = Preparation(artefact.normalisation(), artefact.histories(), self.catalogue)
        features = preparation.prepare(RecommendationRequest(ratings=ratings)).features
        session = self._sessions[version]
        (scores,) = session.run(None, {session.get_inputs()[0].name: features})
        row: NDArray[np.float32] = np.asarray(scores)[0]
        return row
