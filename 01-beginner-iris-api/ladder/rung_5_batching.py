"""Rung 5: batching. Requests that are waiting at the same moment share one run of the model.

Nobody waits for a batch to fill: what has arrived when the event loop comes round goes together. It pays when a run
costs much more than a row in it — compare with rung 4 to see whether this model is such a one.
"""

import asyncio

import numpy as np
from numpy.typing import NDArray
from rung_2_onnx import run
from rung_3_serialization import to_body, to_row
from starlette.types import Receive, Scope, Send

waiting: list[tuple[NDArray[np.float32], asyncio.Future[tuple[int, list[float]]]]] = []


def run_batch() -> None:
    batch = waiting.copy()
    waiting.clear()
    labels, probabilities = run(None, {"features": np.concatenate([row for row, _ in batch])})
    for (_, done), label, each in zip(batch, labels.tolist(), probabilities.tolist(), strict=True):
        done.set_result((label, each))


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[int, list[float]]] = loop.create_future()
    waiting.append((to_row((await receive())["body"]), done))
    if len(waiting) == 1:
        loop.call_soon(run_batch)
    answer = to_body(*await done)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
