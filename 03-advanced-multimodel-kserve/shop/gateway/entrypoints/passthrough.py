"""``/v2``: the model server's own protocol, for those who bring their own tensors.

Health, metadata and inference are passed on; everything else that the server can do (loading models, its log, shared
memory) is not reachable from here. An inference request is checked against the model's metadata first: Triton 2.51
answers 500 to some that are malformed. Where both ends agree on a compression, it goes through as it is; a compressed
request is unpacked here, because what cannot be read cannot be checked.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from servekit.errors import (
    DeadlineError,
    InvalidValueError,
    MalformedError,
    MediaTypeError,
    NotReadyError,
    UnknownModelError,
)
from servekit.oip.rest import HEADER_LENGTH, ModelMetadata, check_answer
from shop.gateway.domain.errors import MethodError, PathError
from shop.gateway.domain.tensors import rewrite
from shop.gateway.service.request import VERSION

if TYPE_CHECKING:
    from servekit.http_pool import HttpReply
    from servekit.oip.rest import TensorMetadata
    from servekit.oip.tensors import Inference
    from servekit.telemetry import RequestRecord
    from shop.gateway.adapters.inference import ModelPools

__all__ = ["ROUTES", "Operation", "PassThrough", "PassedAnswer"]

_PATH = re.compile(
    r"/v2(?P<health>/health/(?:live|ready))?"
    r"|/v2/models/(?P<model>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(?:/versions/(?P<version>[1-9][0-9]{0,8}))?"
    r"(?P<verb>/ready|/config|/stats|/infer)?"
)
ROUTES = (
    "/v2",
    *(
        f"/v2/models/{{model}}{version}{verb}"
        for version in ("", "/versions/{version}")
        for verb in ("", "/config", "/stats", "/infer")
    ),
)
"""The templates of the paths that are passed on, without the probes'."""

_HEADER_LENGTH = HEADER_LENGTH.encode()
_JSON_TYPE = (b"content-type", b"application/json")
_METADATA_TTL_S = 5.0
_MAX_METADATA = 64
_OK, _REFUSALS = 200, range(400, 500)
_PASSED_HEADERS = frozenset({b"content-type", _HEADER_LENGTH})


class Operation(NamedTuple):
    """An operation: the template of its path, the path, and what the path names."""

    route: str
    path: str
    model: str
    version: str
    infer: bool


class PassedAnswer(NamedTuple):
    """The model server's answer as it is passed on."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class PassThrough:
    """The operations that are passed on.

    Args:
        pools: connections to the server.
        versioned: whether the version that the edge chose goes into the path of a request that names none.
    """

    def __init__(self, pools: ModelPools, *, versioned: bool) -> None:
        self._pools = pools
        self._versioned = versioned
        self._metadata: dict[tuple[str, str], tuple[float, ModelMetadata]] = {}

    def find(self, path: str, method: str) -> Operation:
        """The operation at a path.

        Raises:
            PathError: there is none.
            MethodError: it takes another method.
        """
        match = _PATH.fullmatch(path)
        if match is None:
            raise PathError("path", path, "no such endpoint")
        model, version, verb = match["model"] or "", match["version"] or "", match["verb"] or ""
        wanted = "POST" if verb == "/infer" else "GET"
        if method != wanted:
            raise MethodError("method", method, f"expected {wanted}")
        versions = "/versions/{version}" if version else ""
        route = f"/v2/models/{{model}}{versions}{verb}" if model else path
        return Operation(route, path, model, version, verb == "/infer")

    async def answer(
        self, operation: Operation, headers: dict[bytes, bytes], body: bytes, record: RequestRecord, deadline: float
    ) -> PassedAnswer:
        """The server's answer, as it is.

        Raises:
            ServingError: the request is not one that the model takes, or the server does not answer.
        """
        trace = [(b"traceparent", record.traceparent.encode())]
        if not operation.infer:
            if operation.model:
                await self._known(operation.model, operation.version, deadline)
            reply = await self._ask(operation.model, operation.path, None, trace, deadline)
            return _with_health_body(operation, _passed(reply))
        version = operation.version or (headers.get(VERSION, b"").decode("latin-1") if self._versioned else "")
        model = await self._known(operation.model, version, deadline)
        record.model, record.version = operation.model, version
        _check_media_type(headers)
        length = headers.get(_HEADER_LENGTH)
        request = rewrite(body, None if length is None else length.decode("latin-1"))
        check(model, request.inference)
        record.mark("validate")
        path = f"/v2/models/{operation.model}/versions/{version}/infer" if version else operation.path
        reply = await self._ask(operation.model, path, request.body, [*trace, *request.headers], deadline)
        record.mark("infer")
        if reply.status == _OK:
            check_answer(_text(reply))
        return _passed(reply, version)

    async def _known(self, model: str, version: str, deadline: float) -> ModelMetadata:
        """The model's metadata; asked for again after a few seconds, for versions come and go."""
        if version and not re.fullmatch("[1-9][0-9]{0,8}", version):
            raise MalformedError("header x-model-version", version, "expected a version, 1 or above")
        cached = self._metadata.get((model, version))
        if cached is not None and cached[0] > monotonic():
            return cached[1]
        at = f"/v2/models/{model}/versions/{version}" if version else f"/v2/models/{model}"
        reply = await self._ask(model, at, None, [], deadline)
        if reply.status != _OK:
            thing, value = ("version", version) if version else ("model", model)
            raise UnknownModelError(thing, value, f"unknown: {model} has no such version" if version else "unknown")
        try:
            metadata = msgspec.json.decode(reply.body, type=ModelMetadata)
        except msgspec.MsgspecError as error:
            raise NotReadyError("model server", None, f"metadata not understood: {error}") from None
        if len(self._metadata) >= _MAX_METADATA:
            self._metadata.clear()
        self._metadata[model, version] = monotonic() + _METADATA_TTL_S, metadata
        return metadata

    async def _ask(
        self, model: str, path: str, body: bytes | None, headers: list[tuple[bytes, bytes]], deadline: float
    ) -> HttpReply:
        left = deadline - monotonic()
        if left <= 0:
            raise DeadlineError("deadline", None, "no time left for the model server")
        pool = self._pools.of(model)
        try:
            if body is None:
                return await pool.get(path, headers, left)
            return await pool.post(path, body, headers, left)
        except TimeoutError:
            raise DeadlineError("deadline", None, "the model server did not answer in time") from None
        except OSError as error:
            raise NotReadyError("model server", None, f"not reachable: {error.strerror or error}") from None


def _check_media_type(headers: dict[bytes, bytes]) -> None:
    kind = headers.get(b"content-type", b"application/json")
    if kind.split(b";")[0].strip().lower() not in {b"application/json", b"application/octet-stream"}:
        expectation = "expected application/json or application/octet-stream"
        raise MediaTypeError("content-type", kind.decode("latin-1"), expectation)


def _text(reply: HttpReply) -> bytes:
    """The JSON of an answer, without the binary tensors behind it."""
    length = reply.header(_HEADER_LENGTH)
    return reply.body[: int(length)] if length.isdigit() else reply.body


def check(model: ModelMetadata, request: Inference) -> None:
    """Raises `InvalidValueError` for tensors that the model does not declare."""
    declared = {tensor.name: tensor for tensor in model.inputs}
    for tensor in request.inputs:
        expected = declared.pop(tensor.name, None)
        if expected is None:
            raise InvalidValueError(
                "input", tensor.name, f"unknown or given twice: the model has {_names(model.inputs)}"
            )
        if tensor.datatype != expected.datatype:
            raise InvalidValueError(f"input {tensor.name} datatype", tensor.datatype, f"expected {expected.datatype}")
        shape = list(tensor.data.shape)
        if len(shape) != len(expected.shape) or any(
            w not in (-1, s) for s, w in zip(shape, expected.shape, strict=True)
        ):
            raise InvalidValueError(f"input {tensor.name} shape", shape, f"expected {expected.shape}")
        if 0 in shape:
            raise InvalidValueError(f"input {tensor.name} shape", shape, "expected at least one row")
    if declared:
        raise InvalidValueError("input", next(iter(declared)), "missing")
    known = {tensor.name for tensor in model.outputs}
    for name in request.outputs:
        if name not in known:
            raise InvalidValueError("output", name, f"unknown: the model has {_names(model.outputs)}")


def _names(tensors: list[TensorMetadata]) -> str:
    return ", ".join(tensor.name for tensor in tensors)


def _with_health_body(operation: Operation, answer: PassedAnswer) -> PassedAnswer:
    """Adds the body that the protocol recommends for health; Triton answers with the status alone."""
    if answer.body or answer.status != _OK:
        return answer
    state = operation.path.rpartition("/")[2]
    health = {"name": operation.model, state: True} if operation.model else {state: True}
    return answer._replace(headers=[*answer.headers, _JSON_TYPE], body=msgspec.json.encode(health))


def _passed(reply: HttpReply, version: str = "") -> PassedAnswer:
    headers = [(name.lower(), value) for name, value in reply.headers if name.lower() in _PASSED_HEADERS]
    if reply.body and not any(name == b"content-type" for name, _ in headers):
        headers.append(_JSON_TYPE)
    if version:
        headers.append((VERSION, version.encode()))
    known = reply.status == _OK or reply.status in _REFUSALS  # any other status is a failure of the model server
    return PassedAnswer(reply.status if known else 503, headers, reply.body)
