"""The last step, a TRANSFORMER of the output: scores in, recommendations out.

seldon-core-microservice recommender.entrypoints.components.postprocessor.Postprocessor --service-type TRANSFORMER
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from seldon_core.user_model import SeldonResponse

from recommender.adapters.inventory import TIMEOUT_S, Inventory
from recommender.adapters.tensors import decode
from recommender.domain.ranking import Candidates, recommendation
from recommender.entrypoints.components.step import Step, open_artefact
from servekit.errors import InvalidValueError, MalformedError

__all__ = ["Postprocessor"]


class Postprocessor(Step):
    """Takes the model's document as ``binData``, and answers the best items as ``jsonData``.

    The document has ``scores`` F32 [1, items], ``rated`` I32 [n], and the JSON metadata ``request`` with ``k`` and
    ``genre``. The answer is ``{"items": [{"id", "title", "score"}]}``, best first, and a ``reason`` when they are fewer
    than ``k``. It is tagged ``stock``: ``fresh``, or ``stale`` while the inventory does not answer.

    Args:
        model_dir: the artefact; by default RECOMMENDER_MODEL_DIR.
        inventory_url: the address of Valkey or Redis; by default RECOMMENDER_INVENTORY_URL.
        snapshot_s: how long the last known stock may stand in for the inventory's answer; by default
            RECOMMENDER_SNAPSHOT_S, or 60.
        timeout_s: how long a request waits for the inventory, twice at most; by default
            RECOMMENDER_INVENTORY_TIMEOUT_S, or 0.05.

    RECOMMENDER_INVENTORY_LOGIN_FILE names the file with this step's password, where the inventory asks for one.

    Raises:
        ArtefactError: the artefact is missing or damaged.
    """

    def __init__(
        self,
        model_dir: str | None = None,
        inventory_url: str | None = None,
        snapshot_s: float | None = None,
        timeout_s: float | None = None,
    ) -> None:
        # the environment is read here, and not by a settings class: Seldon's wrapper makes the component, and its
        # packages (pydantic-settings is none of them) are those that its own protobuf and Flask allow
        artefact = open_artefact(model_dir)
        self._card = artefact.card()
        self._catalogue = artefact.catalogue()
        url = inventory_url or os.environ.get("RECOMMENDER_INVENTORY_URL") or "redis://127.0.0.1:8240"
        self._inventory = Inventory(
            url,
            self._catalogue,
            snapshot_s=_seconds("RECOMMENDER_SNAPSHOT_S", snapshot_s, 60),
            timeout_s=_seconds("RECOMMENDER_INVENTORY_TIMEOUT_S", timeout_s, TIMEOUT_S),
            login=_login(),
        )

    def transform_output(self, X: Any, names: list[str], meta: dict[str, Any] | None = None) -> SeldonResponse:  # noqa: N803, ARG002 - Seldon's signature
        """The best items by their scores.

        Raises:
            NotReadyError: the stock is not known.
            InvalidValueError, MalformedError: the payload has no scores.
        """
        if not isinstance(X, bytes):
            raise InvalidValueError("payload", None, "expected scores as binData")
        scores, rated, k, genre = self._read(X)
        stock = self._inventory.stock()
        wanted = None if genre is None else self._catalogue.of_genre[genre]
        candidates = Candidates.of(rated, wanted, stock.out)
        answer = recommendation(scores, candidates, k, self._catalogue)
        counted = {
            "recommender_stale_answers_total": int(stock.tag == "stale"),
            "recommender_out_of_stock_dropped_total": candidates.stock,
        }
        metrics = [{"type": "COUNTER", "key": key, "value": value} for key, value in counted.items() if value]
        return SeldonResponse(answer, {"stock": stock.tag}, metrics)

    def transform_output_raw(self, message: Any) -> Any:
        """The answer to a whole message, see `Step.answer`."""
        return self.answer(message, self.transform_output)

    def health_status(self) -> str:
        """``ready``, once items have been ranked.

        The inventory is not asked: without it this step still answers for a minute.
        """
        nothing = np.zeros(len(self._catalogue), bool)
        candidates = Candidates.of(np.zeros(0, np.int32), None, nothing)
        recommendation(nothing.astype(np.float32), candidates, 1, self._catalogue)
        return "ready"

    def init_metadata(self) -> dict[str, Any]:
        """The answer of Seldon's ``/metadata`` for this step."""
        return {
            "name": "postprocessor",
            "versions": [self._card.version],
            "platform": "numpy",
            "inputs": [{"messagetype": "binData"}],
            "outputs": [{"messagetype": "jsonData", "schema": {"type": "object", "required": ["items"]}}],
        }

    def _read(self, document: bytes) -> tuple[Any, Any, int, str | None]:
        tensors, metadata = decode(document)
        try:
            (scores,), rated = tensors["scores"], tensors["rated"]
            wishes = json.loads(metadata["request"])
            k, genre = wishes["k"], wishes["genre"]
        except (KeyError, ValueError, TypeError) as error:
            raise MalformedError("binData", None, f"not the model's document: {error!r}") from None
        if scores.shape != (len(self._catalogue),):
            raise InvalidValueError("scores", list(scores.shape), f"expected shape [1, {len(self._catalogue)}]")
        return scores, rated, k, genre


def _login() -> tuple[str, str] | None:
    """User and password from the login file, or None without one: the inventory then refuses us if it needs them."""
    path = Path(os.environ.get("RECOMMENDER_INVENTORY_LOGIN_FILE", ""))
    return ("step", path.read_text(encoding="ascii").strip()) if path.is_file() else None


def _seconds(variable: str, given: float | None, default: float) -> float:
    return float(os.environ.get(variable, default)) if given is None else given
