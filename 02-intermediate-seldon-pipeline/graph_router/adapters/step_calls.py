"""Calls of a graph's units, each over REST or gRPC as its endpoint says."""

from __future__ import annotations

import asyncio
import logging
import re
from time import perf_counter
from typing import TYPE_CHECKING, Any

import grpc

from graph_router.adapters import prediction_pb2 as pb
from graph_router.adapters.seldon_message import Message, check_payload, read_answer, read_json, route_of
from graph_router.domain.failure import StepError
from graph_router.domain.graph import Call
from servekit.errors import MalformedError
from servekit.http_pool import HttpPool
from servekit.loopback import DIRECT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graph_router.adapters.executor_metrics import ExecutorMetrics
    from graph_router.domain.graph import Deployment, Predictor, Unit

__all__ = ["StepCalls", "Steps"]

_log = logging.getLogger("recommender.router")
_OK = 200
_ERRORS = range(400, 600)
_METHODS: dict[Call, tuple[str, Any]] = {
    Call.PREDICT: ("/seldon.protos.Model/Predict", pb.SeldonMessage),
    Call.TRANSFORM_INPUT: ("/seldon.protos.Transformer/TransformInput", pb.SeldonMessage),
    Call.TRANSFORM_OUTPUT: ("/seldon.protos.OutputTransformer/TransformOutput", pb.SeldonMessage),
    Call.ROUTE: ("/seldon.protos.Router/Route", pb.SeldonMessage),
    Call.AGGREGATE: ("/seldon.protos.Combiner/Aggregate", pb.SeldonMessageList),
    Call.FEEDBACK: ("/seldon.protos.Model/SendFeedback", pb.Feedback),
}
_WITHOUT_PAYLOAD = frozenset({Call.FEEDBACK, Call.ROUTE})  # a route may be a bare list, too
_GRPC_NAME = re.compile(rb"[a-z0-9_.-]+")
_CHANNEL = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), *DIRECT]
_Headers = list[tuple[bytes, bytes]]


class Steps:
    """The connections to all units of a deployment, shared by all requests."""

    def __init__(self, deployment: Deployment, metrics: ExecutorMetrics) -> None:
        units = [unit for predictor in deployment.predictors for unit in predictor.graph.walk()]
        endpoints = {unit.endpoint for unit in units if unit.endpoint is not None}
        self.metrics = metrics
        for predictor in deployment.predictors:
            for unit in predictor.graph.walk():
                for call in unit.calls if unit.endpoint else ():
                    metrics.expect_called(predictor, unit, *_labels(unit, call))
        self.pools = {(each.host, each.http_port): HttpPool(each.host, each.http_port) for each in endpoints}
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._methods: dict[tuple[str, Call], Callable[..., Any]] = {}

    def method(self, address: str, call: Call) -> Callable[..., Any]:
        """The function that makes that call over gRPC; it works on the event loop that asked for it."""
        method = self._methods.get((address, call))
        if method is None:
            channel = self._channels.get(address) or grpc.aio.insecure_channel(address, options=_CHANNEL)
            self._channels[address] = channel
            path, form = _METHODS[call]
            method = channel.unary_unary(
                path, request_serializer=form.SerializeToString, response_deserializer=pb.SeldonMessage.FromString
            )
            self._methods[address, call] = method
        return method

    async def close(self) -> None:
        """Closes every connection."""
        for pool in self.pools.values():
            pool.close()
        for channel in self._channels.values():
            await channel.close()


class StepCalls:
    """The calls that one request makes.

    Args:
        steps: the connections.
        predictor: the predictor whose units are called.
        headers: the headers of each call: the client's own, the puid, the trace.
    """

    def __init__(self, steps: Steps, predictor: Predictor, headers: _Headers) -> None:
        self._steps = steps
        self._predictor = predictor
        self._headers = headers

    async def call(self, unit: Unit, call: Call, message: Message) -> Message:
        """As `Caller.call` of `graph_router.service.walk` says."""
        form = pb.Feedback if call is Call.FEEDBACK else pb.SeldonMessage
        return await self._ask(unit, call, message.proto(form) if _over_grpc(unit) else message.json)

    async def aggregate(self, unit: Unit, messages: Sequence[Message]) -> Message:
        """As `Caller.aggregate` of `graph_router.service.walk` says."""
        if not _over_grpc(unit):
            return await self._ask(unit, Call.AGGREGATE, _json_list(messages))
        listed = pb.SeldonMessageList(seldonMessages=[each.proto(pb.SeldonMessage) for each in messages])
        return await self._ask(unit, Call.AGGREGATE, listed)

    def route_of(self, message: Message) -> int:
        """As `Caller.route_of` of `graph_router.service.walk` says."""
        try:
            return route_of(message)
        except MalformedError as error:
            raise StepError.bad_answer(message.step, str(error)) from None

    async def _ask(self, unit: Unit, call: Call, request: Any) -> Message:
        began, code = perf_counter(), "503"
        try:
            if _over_grpc(unit):
                answer = await self._over_grpc(unit, call, request)
                code = "OK"
            else:
                answer, code = await self._over_rest(unit, call, request)
        except StepError as error:
            code = str(error.status)
            raise
        finally:
            self._steps.metrics.called(self._predictor, unit, (*_labels(unit, call), code), perf_counter() - began)
        return answer

    async def _over_rest(self, unit: Unit, call: Call, body: bytes) -> tuple[Message, str]:
        endpoint, limit_s = unit.endpoint, self._predictor.rest_timeout_s
        assert endpoint is not None  # noqa: S101 - see above
        pool, once = self._steps.pools[endpoint.host, endpoint.http_port], call is Call.FEEDBACK
        try:
            async with asyncio.timeout(limit_s):
                reply = await pool.post(call, body, self._headers, once=once)
        except TimeoutError:
            raise StepError.slow(unit.name, limit_s) from None
        except OSError as error:
            raise StepError.unavailable(unit.name, endpoint, _why(error)) from None
        if reply.status in _ERRORS:
            raise StepError(
                unit.name, reply.status, "STEP_FAILED", f"{endpoint}: HTTP {reply.status}", _json_only(reply.body)
            )
        if reply.status != _OK:
            raise StepError.bad_answer(unit.name, f"{endpoint}: HTTP {reply.status}: expected 200 or an error")
        if call is Call.ROUTE:
            return Message(reply.body, step=unit.name), str(reply.status)
        try:
            return read_answer(unit.name, reply.body, payload=call not in _WITHOUT_PAYLOAD), str(reply.status)
        except MalformedError as error:
            raise StepError.bad_answer(unit.name, f"{endpoint}: {error}") from None

    async def _over_grpc(self, unit: Unit, call: Call, message: Any) -> Message:
        endpoint, limit_s = unit.endpoint, self._predictor.grpc_timeout_s
        metadata = [(name.decode(), value.decode()) for name, value in self._headers if _fits_grpc(name, value)]
        try:
            method = self._steps.method(str(endpoint), call)
            answer = Message(proto=await method(message, timeout=limit_s, metadata=metadata), step=unit.name)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise StepError.slow(unit.name, limit_s) from None
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise StepError.unavailable(unit.name, endpoint, "gRPC UNAVAILABLE") from None
            info = f"{endpoint}: gRPC {error.code().name}: {error.details()}"
            raise StepError(unit.name, 500, "STEP_FAILED", info) from None
        status = answer.proto(pb.SeldonMessage).status
        if status.status == pb.Status.FAILURE:  # how a step fails over gRPC and still says why
            code = status.code if status.code in _ERRORS else 500
            raise StepError(unit.name, code, status.reason or "STEP_FAILED", status.info, answer.json)
        if call not in _WITHOUT_PAYLOAD:
            try:
                check_payload(answer.proto(pb.SeldonMessage))
            except MalformedError as error:
                raise StepError.bad_answer(unit.name, f"{endpoint}: {error}") from None
        return answer


def _labels(unit: Unit, call: Call) -> tuple[str, str]:
    """The labels ``service`` and ``method`` of a call, by the executor's names."""
    return (_METHODS[call][0], "unary") if _over_grpc(unit) else (call.value, "post")


def _over_grpc(unit: Unit) -> bool:
    assert unit.endpoint is not None  # noqa: S101 - checked when the deployment was read
    return unit.endpoint.grpc


def _fits_grpc(name: bytes, value: bytes) -> bool:
    own = name.startswith(b"grpc-") or name.endswith(b"-bin") or name in {b"te", b"user-agent"}
    return not own and bool(_GRPC_NAME.fullmatch(name)) and value.isascii() and value.decode().isprintable()


def _json_list(messages: Sequence[Message]) -> bytes:
    return b'{"seldonMessages":[%b]}' % b",".join(message.json for message in messages)


def _json_only(body: bytes) -> bytes | None:
    try:
        return body if isinstance(read_json(body), dict) else None
    except MalformedError:
        return None


def _why(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return (error.strerror or str(error) or type(error).__name__).lower()
