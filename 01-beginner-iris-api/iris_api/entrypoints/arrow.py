"""``POST /v1/predict/arrow``: large batches as an Arrow IPC stream in and out, columns instead of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iris_api.domain.flower import CLASS_NAMES, FEATURES, MAX_STREAM_ROWS
from iris_api.entrypoints.direct_route import ARROW, DirectRoute
from iris_api.entrypoints.openapi import binary, body_operation
from servekit.asgi import check_media_type, header
from servekit.telemetry import request_record

if TYPE_CHECKING:
    from iris_api.adapters.model_monitor import ModelMonitor
    from iris_api.entrypoints.direct_route import Reply
    from iris_api.service.predictor import Predictor
    from servekit.http_body import BodyReader

__all__ = ["arrow_route"]

_SUMMARY = f"Up to {MAX_STREAM_ROWS:,} flowers as an Arrow IPC stream with the columns {', '.join(FEATURES)}"
_DESCRIPTION = (
    "The answer is an Arrow IPC stream with `label` (int64), `class_name` (dictionary of strings) and a float32"
    f" column of probabilities for each of {', '.join(CLASS_NAMES)}; its schema metadata names model and version."
)


def arrow_route(predictor: Predictor, monitor: ModelMonitor, bodies: BodyReader) -> DirectRoute:
    """The `DirectRoute` of ``POST /v1/predict/arrow``."""
    model = predictor.model

    async def predict_arrow(scope: Any, body: bytes) -> Reply:
        # pyarrow takes 30 MB and a tenth of a second to import: only a server that meets Arrow pays
        from iris_api.adapters.arrow_stream import read_rows, write_answer  # noqa: PLC0415

        check_media_type(header(scope, b"content-type"), ARROW)
        record = request_record(scope)
        record.model, record.version = model.name, model.version
        rows = read_rows(body)
        record.mark("decode")
        labels, probabilities = await predictor.predict(rows)
        record.mark("infer")
        monitor.observe(record, rows, labels, probabilities)
        encoded = write_answer(model.name, model.version, labels, probabilities)
        record.mark("encode")
        return encoded, [(b"content-type", ARROW)]

    return DirectRoute(
        "/v1/predict/arrow",
        predict_arrow,
        bodies,
        tags=["predict"],
        summary=_SUMMARY,
        description=_DESCRIPTION,
        **body_operation(binary(ARROW), binary(ARROW), 400, 408, 413, 415, 422, 429),
    )
