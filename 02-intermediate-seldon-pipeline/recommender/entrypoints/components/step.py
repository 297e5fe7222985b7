"""The part that the three components share: one way through Seldon's wrapper for both protocols.

The wrapper has two faults that matter here. Over gRPC an exception reaches the caller as UNKNOWN, whatever it was; and
a SeldonMessage that is well-formed JSON of a wrong shape becomes an internal error. Seldon lets a component take the
whole message (``*_raw``), so `Step.answer` does that and then works as the wrapper does, except that

- a failure over gRPC is a SeldonMessage whose ``status`` says so, which is what the contract has ``status`` for, and a
  step that receives one passes it on;
- over REST it has the HTTP status that the error owns, and the same ``status`` in its body;
- custom metrics that came with the message are dropped: an earlier step has counted them.

A custom metric must not be 0: over gRPC the wrapper reads the value back from JSON, where protobuf leaves out zeros.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.proto import prediction_pb2
from seldon_core.utils import (
    construct_response,
    construct_response_json,
    extract_request_parts,
    extract_request_parts_json,
)

from recommender.adapters.artefact import Artefact
from servekit.errors import MalformedError, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from seldon_core.user_model import SeldonResponse

__all__ = ["MicroserviceError", "Step", "open_artefact"]

_WRONG_SHAPE = (AttributeError, KeyError, TypeError, ValueError)
_META = {"tags": dict, "requestPath": dict, "puid": str}


def open_artefact(model_dir: str | None) -> Artefact:
    """The artefact in ``model_dir``, or else in RECOMMENDER_MODEL_DIR, or else where training puts version 1."""
    # read by hand: see Postprocessor
    return Artefact(Path(model_dir or os.environ.get("RECOMMENDER_MODEL_DIR") or ".run/2/models/recommender/1"))


class MicroserviceError(SeldonMicroserviceException):  # type: ignore[misc]  # seldon-core ships no types
    """A `ServingError` in the form that Seldon's wrapper turns into an answer."""

    def __init__(self, error: ServingError) -> None:
        super().__init__(str(error), status_code=int(error.status), reason=type(error).__name__)

    def to_dict(self) -> dict[str, Any]:
        """The failed SeldonMessage, as a JSON object."""
        status = {"status": "FAILURE", "code": self.status_code, "info": self.message, "reason": self.reason}
        return {"status": status}


class Step:
    """The base of the components: answers whole messages over REST and gRPC alike."""

    def answer(self, message: Any, method: Callable[..., SeldonResponse]) -> Any:
        """The answer of ``method`` to the message's payload, column names and meta, as a message of the same protocol.

        Args:
            message: a SeldonMessage, or over REST the decoded JSON of one.
            method: the component's plain method; it may raise ServingError.

        Raises:
            MicroserviceError: over REST, when ``method`` raises ServingError or the message is not a SeldonMessage.
        """
        if isinstance(message, prediction_pb2.SeldonMessage):
            return self._over_grpc(message, method)
        try:
            payload, names, meta = _parts(extract_request_parts_json, message)
            response = method(payload, names, meta)
        except ServingError as error:
            raise MicroserviceError(error) from None
        return construct_response_json(self, False, message, response.data, meta, list(response.metrics), response.tags)

    def _over_grpc(self, message: Any, method: Callable[..., SeldonResponse]) -> Any:
        if message.status.status == prediction_pb2.Status.FAILURE:
            return message
        try:
            payload, names, meta = _parts(extract_request_parts, message)
            response = method(payload, names, meta)
        except ServingError as error:
            failed = json_format.ParseDict(MicroserviceError(error).to_dict(), prediction_pb2.SeldonMessage())
            failed.meta.CopyFrom(message.meta)
            return failed
        return construct_response(self, False, message, response.data, meta, list(response.metrics), response.tags)


def _parts(extract: Callable[[Any], Any], message: Any) -> tuple[Any, list[str], dict[str, Any]]:
    """Payload, column names and meta of a message, of types that the wrapper can build an answer with."""
    try:
        payload, meta, definition, _ = extract(message)
        names = (definition or {}).get("names", []) if isinstance(definition, dict | None) else definition.names
        wrong = [name for name, kind in _META.items() if not isinstance((meta or {}).get(name, kind()), kind)]
        names = list(names)
    except SeldonMicroserviceException as error:
        raise MalformedError("SeldonMessage", None, str(error.message)) from None
    except _WRONG_SHAPE as error:
        raise MalformedError("SeldonMessage", None, f"of a wrong shape: {error}") from None
    if wrong or (meta is None and "meta" in message):
        raise MalformedError(f"meta.{wrong[0]}" if wrong else "meta null", None, "of a wrong type")
    return payload, names, {name: value for name, value in (meta or {}).items() if name != "metrics"}
