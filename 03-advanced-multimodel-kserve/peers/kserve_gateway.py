# ruff: noqa: INP001 - started by its path, in an environment of its own
"""The gateway's work on the KServe Python SDK, as its documentation shows a transformer: the peer of `make gateways-3`.

Three models, each with `preprocess` (features from the store, built by the same functions), `predict` (Triton) and
`postprocess`, behind ``/v1/models/{search,payments,recommendations}:predict``. ``PEER_CLIENT`` chooses what calls
Triton: ``kserve``, the SDK's own REST client, or ``tritonclient``, NVIDIA's; both with binary tensors over connections
that stay open. Tuned as far as its options go: uvloop, httptools, hiredis, no access log, no latency log, one worker.

It runs in the environment of infra/requirements/bench.txt.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import redis.asyncio
from kserve import InferInput, InferRequest, Model, ModelServer
from kserve.errors import InvalidInput
from kserve.inference_client import InferenceRESTClient, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tritonclient.http import InferInput as TritonInput
from tritonclient.http import InferRequestedOutput
from tritonclient.http.aio import InferenceServerClient

from shop.endpoints import PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.features import store
from shop.features.fraud import Payment
from shop.features.fraud import build as build_payment
from shop.features.ranking import Query
from shop.features.ranking import build as build_search

_TRITON = f"127.0.0.1:{os.environ['SHOP_TRITON_HTTP_PORT']}"
_VERSION = "1"
_DECLINE_AT, _REVIEW_AT = 0.7, 0.2
_features = redis.asyncio.Redis(
    port=int(os.environ["SHOP_FEATURES_PORT"]),
    username="gateway",
    password=Path(os.environ["SHOP_RUN_DIR"], "valkey", "logins", "features-gateway").read_text(encoding="ascii"),
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SearchQuery(_Strict):
    """What is searched for."""

    category: int = Field(ge=0, le=15)
    price: float | None = Field(None, gt=0)


class SearchRequest(_Strict):
    """As the gateway takes it."""

    user: int = Field(ge=0)
    query: SearchQuery
    candidates: list[int] = Field(min_length=1, max_length=200)
    k: int = Field(10, ge=1, le=200)


class PaymentRequest(_Strict):
    """As the gateway takes it."""

    payment: str = Field(min_length=1, max_length=64)
    user: int = Field(ge=0)
    card: int = Field(ge=0)
    device: int = Field(ge=0)
    ip: int = Field(ge=0)
    amount: float = Field(gt=0)
    category: int = Field(ge=0, le=15)
    hour: int = Field(ge=0, le=23)


class RecommendRequest(_Strict):
    """As the gateway takes it."""

    user: int = Field(ge=0)
    k: int = Field(10, ge=1, le=50)


class _KServeClient:
    """The SDK's own client: httpx."""

    def __init__(self) -> None:
        self._client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=5))

    async def infer(self, model: str, name: str, rows: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
        given = InferInput(name, list(rows.shape), "FP32")
        given.set_data_from_numpy(rows, binary_data=True)
        wanted = [RequestedOutput(each, {"binary_data": True}) for each in outputs]
        request = InferRequest(model, [given], request_outputs=wanted)
        # the client has no versions; its path takes one
        at = f"{model}/versions/{_VERSION}"
        answer = await self._client.infer(f"http://{_TRITON}", request, model_name=at)
        found = {each.name: each for each in answer.outputs}
        return [found[each].as_numpy() for each in outputs]


class _TritonClient:
    """NVIDIA's own client, on aiohttp."""

    def __init__(self) -> None:
        self._client = InferenceServerClient(_TRITON)

    async def infer(self, model: str, name: str, rows: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
        given = TritonInput(name, list(rows.shape), "FP32")
        given.set_data_from_numpy(rows, binary_data=True)
        wanted = [InferRequestedOutput(each, binary_data=True) for each in outputs]
        answer = await self._client.infer(model, [given], model_version=_VERSION, outputs=wanted)
        return [answer.as_numpy(each) for each in outputs]


class _Gateway(Model):
    """What the three have in common; the client is made on the server's own loop."""

    request: type[_Strict]

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._calls: Any = None
        self.enable_latency_logging = False
        self.ready = True

    def read(self, payload: dict[str, Any]) -> Any:
        """The request in a payload."""
        try:
            return self.request.model_validate(payload)
        except ValidationError as error:
            raise InvalidInput(str(error)) from None

    async def infer(self, model: str, name: str, rows: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
        """The model's outputs, by name, from Triton."""
        if self._calls is None:
            self._calls = _KServeClient() if os.environ.get("PEER_CLIENT") == "kserve" else _TritonClient()
        return await self._calls.infer(model, name, rows, outputs)


class Search(_Gateway):
    """Answers what ``/v1/search`` answers."""

    request = SearchRequest

    async def preprocess(self, payload: dict[str, Any], headers: Any = None) -> Any:  # noqa: ARG002, D102
        request = self.read(payload)
        candidates = list(dict.fromkeys(request.candidates))
        keys = [store.GENERATION, store.user_key(request.user), *map(store.item_key, candidates)]
        _, user, *items = await _features.mget(keys)
        user_block = store.decode(user, store.USER_WIDTH + store.EMBEDDING)[: store.USER_WIDTH]
        query = Query(request.query.category, request.query.price)
        return request, candidates, build_search(query, user_block, store.decode_rows(items, store.ITEM_WIDTH))

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002, D102
        request, candidates, rows = payload
        (scores,) = await self.infer("ranking", "features", rows, ["scores"])
        return request, candidates, scores.reshape(-1)

    async def postprocess(self, result: Any, headers: Any = None, response_headers: Any = None) -> dict[str, Any]:  # noqa: ARG002, D102
        request, candidates, scores = result
        order = np.argsort(-scores, kind="stable")[: request.k]
        items = [{"id": candidates[place], "score": float(scores[place])} for place in order]
        return {"items": items, "model": "ranking", "version": "1"}


class Recommendations(_Gateway):
    """Answers what ``/v1/recommendations`` answers."""

    request = RecommendRequest

    async def preprocess(self, payload: dict[str, Any], headers: Any = None) -> Any:  # noqa: ARG002, D102
        request = self.read(payload)
        _, user = await _features.mget([store.GENERATION, store.user_key(request.user)])
        return request, store.decode(user, store.USER_WIDTH + store.EMBEDDING)[store.USER_WIDTH :]

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002, D102
        request, user = payload
        return request, *await self.infer("personalisation", "user", user.reshape(1, -1), ["items", "scores"])

    async def postprocess(self, result: Any, headers: Any = None, response_headers: Any = None) -> dict[str, Any]:  # noqa: ARG002, D102
        request, items, scores = result
        best = zip(items[0, : request.k].tolist(), scores[0, : request.k].tolist(), strict=True)
        answer = [{"id": item, "score": score} for item, score in best]
        return {"items": answer, "model": "personalisation", "version": "1"}


class Payments(_Gateway):
    """Answers what ``/v1/payments/score`` answers."""

    request = PaymentRequest

    async def preprocess(self, payload: dict[str, Any], headers: Any = None) -> Any:  # noqa: ARG002, D102
        request = self.read(payload)
        keys = [
            store.GENERATION, store.fraud_user_key(request.user), store.card_key(request.card),
            store.device_key(request.device), store.ip_key(request.ip),
        ]  # fmt: skip
        _, *values = await _features.mget(keys)
        entities = [store.decode(value, store.ENTITY_WIDTH) for value in values]
        return request, build_payment(Payment(request.amount, request.category, request.hour), *entities)

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002, D102
        request, row = payload
        (probability,) = await self.infer("fraud", "features", row.reshape(1, -1), ["probability"])
        return request, float(probability.reshape(-1)[0])

    async def postprocess(self, result: Any, headers: Any = None, response_headers: Any = None) -> dict[str, Any]:  # noqa: ARG002, D102
        request, probability = result
        decision = "decline" if probability >= _DECLINE_AT else "review" if probability >= _REVIEW_AT else "approve"
        reason = {"decline": "high_risk", "review": "elevated_risk", "approve": "low_risk"}[decision]
        return {
            "payment": request.payment, "decision": decision, "probability": round(probability, 6), "reason": reason,
            "model": "fraud", "version": "1",
        }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    server = ModelServer(
        http_port=parser.parse_args().port,
        enable_grpc=False,
        workers=1,
        access_log_format=None,
        event_loop="uvloop",
        enable_docs_url=False,
    )
    server.start([Search(SEARCH.kind), Payments(PAYMENTS.kind), Recommendations(RECOMMENDATIONS.kind)])
