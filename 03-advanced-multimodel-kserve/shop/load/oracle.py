"""The oracle: each answer computed again by ONNX Runtime itself, from the artefacts and features that training left.

No server, store, cache or wire format of the level has a part in it; only the functions that build features do, because
there is one of each on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import onnxruntime as ort

from shop.artefact import Artefact
from shop.features import fraud, ranking, store
from shop.gateway.domain.contracts import PaymentRequest, RecommendationRequest, SearchRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shop.addresses import Addresses
    from shop.gateway.settings import GatewaySettings

__all__ = ["ItemsAnswer", "Oracle", "PaymentAnswer"]

_TOLERANCE: Final = 2e-3
"""Of a score, relative where it is above 1: an INT8 graph may round an input at the edge of two steps either way."""

Request = SearchRequest | PaymentRequest | RecommendationRequest


class Item(msgspec.Struct):
    """A place of an answer; ``score`` is null in a degraded one."""

    id: int
    score: float | None


class ItemsAnswer(msgspec.Struct):
    """An answer of search or recommendations."""

    items: list[Item]
    model: str
    version: str


class PaymentAnswer(msgspec.Struct):
    """An answer to a payment."""

    payment: str
    decision: str
    probability: float | None
    reason: str
    model: str
    version: str


class Oracle:
    """Computes what each version of each model answers.

    Args:
        addresses: where the artefacts and features are.
        settings: from which probability a payment is reviewed or declined.

    Raises `ArtefactError` on use where a model is missing, OSError where features are.
    """

    def __init__(self, addresses: Addresses, settings: GatewaySettings) -> None:
        self._addresses = addresses
        self._settings = settings
        self._sessions: dict[tuple[str, str], Any] = {}
        self._tables: dict[str, NDArray[np.float32]] = {}

    def check(self, request: Request, answer: bytes) -> str | None:
        """What is wrong with an answer, in a sentence; None when it is what its version says of the request.

        Equal scores may come in either order. An answer from a fallback counts as wrong.
        """
        match request:
            case PaymentRequest():
                return self._payment(request, msgspec.json.decode(answer, type=PaymentAnswer))
            case SearchRequest():
                ranked = msgspec.json.decode(answer, type=ItemsAnswer)
                ids = list(dict.fromkeys(request.candidates))
                return _places(
                    f"search of user {request.user}",
                    ranked,
                    self.relevance(request, ranked.version, ids),
                    request.count,
                )
            case RecommendationRequest():
                ranked, who = msgspec.json.decode(answer, type=ItemsAnswer), f"user {request.user}"
                if not self._embedding(request.user).any():  # someone new, to the model: what is popular is right
                    return _popular(who, ranked, self.popular()[: request.count])
                return _places(who, ranked, self.suits(request.user, ranked.version), request.count)

    def relevance(self, request: SearchRequest, version: str, ids: list[int]) -> dict[int, float]:
        """Each candidate's score by this version, by item id."""
        user = self._row("u:", request.user)[: store.USER_WIDTH]
        items = np.stack([self._row("i:", item) for item in ids])
        rows = ranking.build(ranking.Query(request.query.category, request.query.price), user, items)
        (scores,) = self._run("ranking", version, rows)
        return dict(zip(ids, scores.tolist(), strict=True))

    def suits(self, user: int, version: str) -> dict[int, float]:
        """The scores of the items that suit a user best, by item id."""
        items, scores = self._run("personalisation", version, self._embedding(user).reshape(1, -1))
        return dict(zip(items[0].tolist(), scores[0].tolist(), strict=True))

    def popular(self) -> list[int]:
        """The most popular items, best first."""
        return msgspec.json.decode((self._addresses.features_dir / store.POPULAR_FILE).read_bytes(), type=list[int])

    def fraud(self, request: PaymentRequest, version: str) -> float:
        """The probability that a payment is none of its user's."""
        prefixes = {"f:": request.user, "c:": request.card, "d:": request.device, "p:": request.ip}
        entities = [self._row(prefix, number) for prefix, number in prefixes.items()]
        payment = fraud.Payment(request.amount, request.category, request.hour)
        (probability,) = self._run("fraud", version, fraud.build(payment, *entities).reshape(1, -1))
        return float(probability[0])

    def _payment(self, request: PaymentRequest, scored: PaymentAnswer) -> str | None:
        who = f"payment {request.payment}, version {scored.version}"
        if scored.probability is None:
            return f"{who}: {scored.decision} because {scored.reason}, expected a probability"
        expected = self.fraud(request, scored.version)
        if abs(scored.probability - expected) > _TOLERANCE:
            return f"{who}: probability {scored.probability}, expected {expected:.6f}"
        settings = self._settings
        bounds = {"decline": settings.decline_at, "review": settings.review_at, "approve": 0.0}
        decision = next(each for each, bound in bounds.items() if scored.probability >= bound)
        return None if scored.decision == decision else f"{who}: {scored.decision}, expected {decision}"

    def _embedding(self, user: int) -> NDArray[np.float32]:
        return self._row("u:", user)[store.USER_WIDTH :]

    def _row(self, prefix: str, number: int) -> NDArray[np.float32]:
        table = self._tables.get(prefix)
        if table is None:
            table = np.load(self._addresses.features_dir / store.FILES[prefix], mmap_mode="r")
            self._tables[prefix] = table
        row: NDArray[np.float32] = table[number] if number < len(table) else np.zeros(table.shape[1], np.float32)
        return row

    def _run(self, model: str, version: str, rows: NDArray[np.float32]) -> list[NDArray[Any]]:
        session = self._sessions.get((model, version))
        if session is None:
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            graph = Artefact.of(self._addresses.models_dir, model, version).onnx()
            session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            self._sessions[model, version] = session
        outputs: list[NDArray[Any]] = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(rows)})
        return outputs


def _places(who: str, answer: ItemsAnswer, scores: dict[int, float], k: int) -> str | None:
    """Each place holds an item with the score it should have, and no better one was left out."""
    who = f"{who}, version {answer.version}"
    best = sorted(scores.values(), reverse=True)[:k]
    if len(answer.items) != len(best) or len({item.id for item in answer.items}) != len(best):
        return f"{who}: {len(answer.items)} items, expected {len(best)} different ones"
    for place, (item, expected) in enumerate(zip(answer.items, best, strict=True), 1):
        if item.score is None:
            return f"{who}: a fallback's answer"
        own = scores.get(item.id, float("-inf"))
        allowed = _TOLERANCE * max(1.0, abs(expected))
        if abs(item.score - expected) > allowed or abs(item.score - own) > allowed:
            return f"{who}: place {place} is item {item.id} ({item.score:.6g}), expected a score of {expected:.6g}"
    return None


def _popular(who: str, answer: ItemsAnswer, expected: list[int]) -> str | None:
    ids = [item.id for item in answer.items]
    return None if ids == expected else f"{who}, whom no model knows: items {ids}, expected the popular ones {expected}"
