"""Whatever is sent, the answer is a prediction or a reason: never a 5xx."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_api.domain.flower import FEATURES
from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = "application/json"
BINARY = "application/octet-stream"
ARROW = "application/vnd.apache.arrow.stream"
ENDPOINTS = {
    "/v1/predict": JSON,
    "/v1/predict/arrow": ARROW,
    "/v2/models/iris/infer": JSON,
    "/v2/models/iris/versions/1/infer": BINARY,
}
ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], np.float32)
FLOWERS = [dict(zip(FEATURES, row, strict=True)) for row in ROWS.tolist()]
TENSOR = {"name": "features", "datatype": "FP32", "shape": [2, 4], "data": ROWS.ravel().tolist()}

numbers = st.integers() | st.floats() | st.just(10**400)
scalars = st.none() | st.booleans() | numbers | st.text()
documents = st.recursive(
    scalars | st.sampled_from(FLOWERS),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FEATURES) | st.text(), inner, max_size=5)
    ),
    max_leaves=12,
)
requests = st.fixed_dictionaries(
    {
        "inputs": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.just("features") | st.text(),
                    "datatype": st.sampled_from(["FP32", "FP64", "INT8", "UINT64", "BOOL", "BYTES", "FP16", "Q"]),
                    "shape": st.just([2, 4]) | st.lists(st.integers(-2, 8) | st.integers(), max_size=4),
                    "data": st.just(TENSOR["data"]) | st.lists(numbers, min_size=8, max_size=8) | documents,
                },
                optional={"parameters": st.dictionaries(st.just("binary_data_size") | st.text(), scalars, max_size=2)},
            ),
            max_size=2,
        )
    },
    optional={
        "id": scalars,
        "outputs": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["label", "x"])}), max_size=2),
        "parameters": st.dictionaries(st.just("binary_data_output") | st.text(), scalars, max_size=2),
    },
)


def arrow_body(**options: Any) -> bytes:
    columns = pa.table({name: ROWS[:, index] for index, name in enumerate(FEATURES)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, columns.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(columns)
    return bytes(sink.getvalue())


BINARY_BODY, BINARY_LENGTH = rest.encode_request(
    Inference((Tensor("features", "FP32", ROWS),), binary=None), binary_inputs=True
)
VALID = {
    "/v1/predict": [json.dumps(FLOWERS).encode(), json.dumps(FLOWERS[0]).encode()],
    "/v1/predict/arrow": [arrow_body(), arrow_body(compression="zstd"), arrow_body(compression="lz4")],
    "/v2/models/iris/infer": [json.dumps({"inputs": [TENSOR]}).encode()],
    "/v2/models/iris/versions/1/infer": [BINARY_BODY],
}
MUTATIONS = [
    b"",
    b"\x00",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"-",
    b"9" * 30,
    b'"',
    b"[",
    b"}",
    b",",
    b"NaN",
    b"e999",
    b"\\ud800",
]


@st.composite
def mutated(draw: st.DrawFn, path: str) -> bytes:
    """A valid body in which a few short runs of bytes are replaced."""
    body = draw(st.sampled_from(VALID[path]))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        cut = draw(st.integers(0, 8))
        body = body[:at] + draw(st.sampled_from(MUTATIONS) | st.binary(max_size=8)) + body[at + cut :]
    return body


@pytest.fixture(scope="module")
def ask(iris_app: Any) -> Iterator[Callable[[str, bytes, dict[str, str]], httpx.Response]]:
    """Posts a body in this process; one event loop for thousands of requests."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(iris_app), base_url="http://iris")
    with asyncio.Runner() as runner:
        yield lambda path, body, headers: runner.run(client.post(path, content=body, headers=headers))
        runner.run(client.aclose())


def answered(response: httpx.Response) -> None:
    if response.status_code == 200:
        return
    assert response.status_code in {400, 404, 405, 413, 415, 422}
    assert response.headers["content-type"] == JSON
    (reason,) = response.json().values()
    assert response.json() == {"error": reason}
    assert reason
    assert len(reason) < 1000
    assert "Traceback" not in reason


@pytest.mark.parametrize("path", VALID)
def test_the_bodies_to_mutate_are_valid(ask: Any, path: str) -> None:
    for body in VALID[path]:
        assert ask(path, body, headers_for(path)).status_code == 200


@pytest.mark.parametrize("path", ENDPOINTS)
@given(body=st.binary(max_size=300), content_type=st.sampled_from([JSON, BINARY, ARROW, "", "text/plain"]))
def test_arbitrary_bytes_cause_no_server_error(ask: Any, path: str, body: bytes, content_type: str) -> None:
    answered(ask(path, body, {"content-type": content_type}))


@pytest.mark.parametrize("path", ["/v1/predict", "/v2/models/iris/infer"])
@given(document=documents)
def test_arbitrary_json_causes_no_server_error(ask: Any, path: str, document: Any) -> None:
    answered(ask(path, json.dumps(document).encode(), {"content-type": JSON}))


@given(
    flowers=st.lists(
        st.dictionaries(st.sampled_from(FEATURES) | st.text(max_size=3), numbers | st.floats(0, 100), max_size=5),
        max_size=4,
    )
)
def test_almost_flowers_cause_no_server_error(ask: Any, flowers: list[dict[str, Any]]) -> None:
    answered(ask("/v1/predict", json.dumps(flowers).encode(), {"content-type": JSON}))


@given(document=requests)
def test_almost_inference_requests_cause_no_server_error(ask: Any, document: Any) -> None:
    answered(ask("/v2/models/iris/infer", json.dumps(document).encode(), {"content-type": JSON}))


@given(document=requests, tail=st.binary(max_size=64), shift=st.integers(-40, 40))
def test_almost_binary_requests_cause_no_server_error(ask: Any, document: Any, tail: bytes, shift: int) -> None:
    head = json.dumps(document).encode()
    headers = {"content-type": BINARY, rest.HEADER_LENGTH: str(len(head) + shift if shift % 2 else len(head))}
    answered(ask("/v2/models/iris/infer", head + tail, headers))


@pytest.mark.parametrize("path", ENDPOINTS)
@given(data=st.data())
def test_mutated_valid_bodies_cause_no_server_error(ask: Any, path: str, data: st.DataObject) -> None:
    answered(ask(path, data.draw(mutated(path)), headers_for(path)))


@given(
    model=st.text(min_size=1), version=st.text(min_size=1), length=st.text(st.characters(max_codepoint=126), max_size=5)
)
def test_arbitrary_names_and_headers_cause_no_server_error(ask: Any, model: str, version: str, length: str) -> None:
    path = f"/v2/models/{quote(model, safe='')}/versions/{quote(version, safe='')}/infer"
    answered(ask(path, b"{}", {"content-type": JSON}))
    printable = "".join(filter(str.isprintable, length))
    answered(ask("/v2/models/iris/infer", b"{}", {"content-type": JSON, rest.HEADER_LENGTH: printable}))


def headers_for(path: str) -> dict[str, str]:
    length = {rest.HEADER_LENGTH: str(BINARY_LENGTH)} if ENDPOINTS[path] == BINARY else {}
    return {"content-type": ENDPOINTS[path], **length}
