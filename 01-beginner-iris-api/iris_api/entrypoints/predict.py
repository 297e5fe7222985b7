"""``POST /v1/predict``: one flower or a list of them, as JSON with named features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from iris_api.domain.diagnosis import diagnose
from iris_api.domain.flower import FEATURES, Batch, Flower, as_row, as_rows
from iris_api.domain.prediction import Answer, answer
from iris_api.entrypoints.direct_route import JSON, DirectRoute
from iris_api.entrypoints.openapi import body_operation, json
from servekit.asgi import check_media_type, header
from servekit.telemetry import request_record

if TYPE_CHECKING:
    from iris_api.adapters.model_monitor import ModelMonitor
    from iris_api.entrypoints.direct_route import Reply
    from iris_api.service.predictor import Predictor
    from servekit.http_body import BodyReader

__all__ = ["predict_route"]

_FLOWER = {"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}
_LARGER = {"sepal_length_cm": 6.7, "sepal_width_cm": 3.0, "petal_length_cm": 5.2, "petal_width_cm": 2.3}

_BODY = json(Flower | Batch, one_flower=_FLOWER, a_batch=[_FLOWER, _LARGER])

_QUOTES = 2 * len(FEATURES)
"""Quotation marks in a flower that gives each name once."""


def predict_route(predictor: Predictor, monitor: ModelMonitor, bodies: BodyReader) -> DirectRoute:
    """The `DirectRoute` of ``POST /v1/predict``, the hot path: its handler neither awaits nor changes the thread."""
    decode = msgspec.json.Decoder(Flower | Batch).decode
    encode = msgspec.json.Encoder().encode
    model = predictor.model
    name, version, observe = model.name, model.version, monitor.observe
    run = predictor.predict_checked  # decoding has checked the rows: checking them again would cost 3 µs a request

    async def predict(scope: Any, body: bytes) -> Reply:
        check_media_type(header(scope, b"content-type"), JSON)
        record = request_record(scope)
        record.model, record.version = name, version
        try:
            flowers = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise diagnose(body) from None
        rows = as_row(flowers) if isinstance(flowers, Flower) else as_rows(flowers)
        if body.count(b'"') != _QUOTES * len(rows):  # a name is repeated: msgspec kept its last value without a word
            raise diagnose(body)
        record.mark("decode")
        labels, probabilities = run(rows)
        record.mark("infer")
        observe(record, rows, labels, probabilities)
        encoded = encode(answer(name, version, labels, probabilities))
        record.mark("encode")
        return encoded, [(b"content-type", JSON)]

    return DirectRoute(
        "/v1/predict",
        predict,
        bodies,
        tags=["predict"],
        summary="The species of one flower, or of a list of up to 1,000",
        **body_operation(_BODY, json(Answer), 400, 408, 413, 415, 422, 429),
    )
