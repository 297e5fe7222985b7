"""``make fuzz-1`` sends thousands of wrong requests, and valid ones beside them that must still be answered."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from iris_api.commands.scenario import IrisScenario
from iris_api.domain.flower import FEATURES
from iris_api.settings import IrisSettings
from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor
from workbench.fuzz import Operation, Surface, main
from workbench.stack import join

if TYPE_CHECKING:
    from random import Random

    from workbench.sla import Request

__all__ = ["surface"]

_ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], np.float32)


def surface(url: str, home: Path | None = None) -> Surface:
    """All endpoints of level 1 over HTTP."""
    scenario = IrisScenario()

    def right(draw: Random, nonce: str) -> Request:
        request = scenario.request(draw.choice(("single", "batch", "oip")), draw)
        if not request.path.startswith("/v2"):
            return request
        return request._replace(body=request.body.replace(b"{", b'{"id":"%s",' % nonce.encode(), 1))

    return Surface(1, [url], _endpoints(), right, scenario.check, headers=[rest.HEADER_LENGTH], home=home)


def _endpoints() -> list[Operation]:
    tensor = Tensor("features", "FP32", _ROWS)
    tensors, _ = rest.encode_request(Inference((tensor,)))
    binary, length = rest.encode_request(Inference((tensor,), binary=None), binary_inputs=True)
    flowers = [dict(zip(FEATURES, row, strict=True)) for row in _ROWS.tolist()]
    named = [json.dumps(flowers).encode(), json.dumps(flowers[0]).encode()]
    octets = {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(length)}
    arrow = {"content-type": "application/vnd.apache.arrow.stream"}
    gets = ("/v2", "/v2/models/iris", "/v2/models/iris/ready", "/readyz", "/healthz", "/metrics", "/openapi.json")
    return [
        Operation("/v1/predict", named),
        Operation("/v1/predict/arrow", [_arrow()], headers=arrow),
        Operation("/v2/models/iris/infer", [tensors]),
        Operation("/v2/models/iris/versions/1/infer", [binary], headers=octets),
        *(Operation(path, method="GET", headers={"accept": "application/json"}) for path in gets),
    ]


def _arrow() -> bytes:
    columns = pa.table({name: _ROWS[:, index] for index, name in enumerate(FEATURES)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, columns.schema) as writer:
        writer.write_table(columns)
    return bytes(sink.getvalue())


if __name__ == "__main__":
    join(1, lambda: IrisSettings().port)
    sys.exit(main(surface(f"http://127.0.0.1:{IrisSettings().port}", Path(".run/1"))))
