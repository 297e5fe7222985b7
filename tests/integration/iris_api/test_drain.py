"""SIGTERM loses no request: what was sent is answered, then the process ends with 0."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import httpx
import numpy as np

from iris_api.adapters.arrow_stream import read_answer, write_rows
from servekit.oip import inference_pb2_grpc, rpc
from servekit.oip.tensors import Inference, Tensor
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from tests.iris_process import IrisServer, StartIris

FLOWER = b'{"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}'
JSON = {"content-type": "application/json"}
CONNECTIONS = 12
GRPC_CALLS = 20


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get(b"connection") == b"close"


def request(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: iris\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def read_response(reader: asyncio.StreamReader) -> Answer:
    """A whole answer; IncompleteReadError when the connection ends before it does."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head.rstrip().split(b"\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    body = await reader.readexactly(int(headers[b"content-length"]))
    return Answer(int(status.split()[1]), headers, body)


async def ask_until_closed(server: IrisServer, answers: list[Answer]) -> None:
    """Sends one request after the other on one connection until the server says that it will close it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    while True:
        writer.write(request("/v1/predict", FLOWER))
        answers.append(await asyncio.wait_for(read_response(reader), GENEROUS_S))
        if answers[-1].closes:
            break
    assert await asyncio.wait_for(reader.read(), GENEROUS_S) == b""
    writer.close()


async def test_under_load_every_request_is_answered_and_logged(start_iris: StartIris) -> None:
    server = start_iris(IRIS_DRAIN_S=str(10 * GENEROUS_S)).wait_ready()
    answers: list[Answer] = []
    load = asyncio.gather(*(ask_until_closed(server, answers) for _ in range(CONNECTIONS)))
    await asyncio.to_thread(until, lambda: len(answers) >= 200)
    assert not any(answer.closes for answer in answers)
    server.process.send_signal(signal.SIGTERM)
    await load  # raises when an answer is missing or cut short

    draining = await asyncio.to_thread(httpx.get, f"{server.url}/readyz")
    assert (draining.status_code, draining.json()) == (503, {"error": "server draining: call another replica"})
    assert draining.headers["connection"] == "close"
    late = await asyncio.to_thread(httpx.post, f"{server.url}/v1/predict", content=FLOWER, headers=JSON)
    assert late.status_code == 200

    server.process.send_signal(signal.SIGTERM)  # a second one ends the drain
    assert await asyncio.to_thread(server.process.wait, GENEROUS_S) == 0
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert sum(answer.closes for answer in answers) == CONNECTIONS
    events = [json.loads(line) for line in server.stdout.splitlines()]
    assert sum(event.get("http.route") == "/v1/predict" for event in events) == len(answers) + 1
    assert server.stderr == ""


async def test_what_is_under_way_is_completed_even_when_the_drain_is_cut_short(
    start_iris: StartIris, golden: Any
) -> None:
    limits = dict.fromkeys(("IRIS_DRAIN_S", "IRIS_RECEIVE_TIMEOUT_S", "IRIS_DRAIN_TIMEOUT_S"), "1200")
    server = start_iris(**limits).wait_ready()  # whose limits no slowness of this test exceeds
    order = np.arange(50_000) % 150
    rows = golden.features[order].astype(np.float32)
    message = request("/v1/predict/arrow", write_rows(rows), "application/vnd.apache.arrow.stream")
    half = len(message) // 2
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(message[:half])
    await writer.drain()
    await asyncio.to_thread(until, lambda: in_flight(server) >= 2, lambda: server.stdout)

    await asyncio.to_thread(drain_while_grpc_calls_wait, server, rows, golden.labels[order])
    server.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(until, lambda: refuses(server))
    writer.write(message[half:])
    answer = await asyncio.wait_for(read_response(reader), GENEROUS_S)
    labels, _ = read_answer(answer.body)
    assert np.array_equal(labels, golden.labels[order])
    assert answer.closes
    writer.close()
    assert await asyncio.to_thread(server.process.wait, GENEROUS_S) == 0
    assert server.stdout.count("/v1/predict/arrow 200") == 1
    assert server.stdout.count("ModelInfer 200") == GRPC_CALLS
    assert server.stderr == ""


def drain_while_grpc_calls_wait(server: IrisServer, rows: Any, labels: Any) -> None:
    message = rpc.encode_request("iris", "1", Inference((Tensor("features", "FP32", rows),), binary=None))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]
        calls = [stub.ModelInfer.future(message, timeout=GENEROUS_S) for _ in range(GRPC_CALLS)]
        calls[0].result()
        server.process.send_signal(signal.SIGTERM)
        for call in calls:
            assert np.array_equal(rpc.decode_response(call.result()).outputs[0].data, labels)
    assert httpx.get(f"{server.url}/readyz").status_code == 503


def in_flight(server: IrisServer) -> float:
    metrics = httpx.get(f"{server.url}/metrics").text
    (line,) = (line for line in metrics.splitlines() if line.startswith("serving_requests_in_flight{"))
    return float(line.split()[-1])


def refuses(server: IrisServer) -> bool:
    try:
        httpx.get(f"{server.url}/readyz")
    except httpx.TransportError:
        return True
    return False
