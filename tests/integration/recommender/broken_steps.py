"""Steps of a graph that answer wrongly, over REST and gRPC, and graphs of one step."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc

from graph_router.adapters import prediction_pb2 as pb
from tests.integration.recommender.microservice import deployment
from tests.tcp_server import port_of, tcp_server

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

__all__ = ["PREDICTIONS", "alone", "answering", "http", "refusing"]

PREDICTIONS = "/api/v1.0/predictions"


def alone(graph: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A deployment of one predictor."""
    return deployment({"name": "default", "graph": graph}, **spec)


@asynccontextmanager
async def refusing(*statuses: pb.Status | pb.SeldonMessage) -> AsyncIterator[int]:
    """The port of a gRPC step that answers with these statuses, or messages, one after the other."""
    answers = iter(statuses)

    async def predict(request: pb.SeldonMessage, _: Any) -> pb.SeldonMessage:
        answer = next(answers)
        return answer if isinstance(answer, pb.SeldonMessage) else pb.SeldonMessage(status=answer, meta=request.meta)

    handler = grpc.unary_unary_rpc_method_handler(
        predict, pb.SeldonMessage.FromString, pb.SeldonMessage.SerializeToString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("seldon.protos.Model", {"Predict": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@asynccontextmanager
async def answering(answer: bytes, heard: list[bytes] | None = None) -> AsyncIterator[int]:
    """The port of an HTTP step that gives this answer to whatever it is asked; ``heard`` gets the heads."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head)
        writer.write(answer)
        await writer.drain()

    async with tcp_server(serve) as server:
        yield port_of(server)


def http(status: str, body: bytes = b"", more: str = "") -> bytes:
    """An answer as it is on the wire."""
    return f"HTTP/1.1 {status}\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body
