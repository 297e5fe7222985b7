"""Rung 4: server. The handler is called straight from ASGI: no dependency solving, no request or response object."""

from rung_2_onnx import run
from rung_3_serialization import to_body, to_row
from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    body = (await receive())["body"]  # a flower fits in one message; the real API reads on, and bounds the size
    labels, probabilities = run(None, {"features": to_row(body)})
    answer = to_body(int(labels[0]), probabilities[0].tolist())
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
