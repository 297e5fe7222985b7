"""``POST /v1/predict/arrow``: big batches as columns, and streams that are not what they say."""

from __future__ import annotations

import asyncio
import struct
import threading
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from iris_api.adapters.arrow_stream import read_answer, write_rows
from iris_api.adapters.model_monitor import ModelMonitor
from iris_api.adapters.onnx_model import OnnxModel
from iris_api.bootstrap import create_app
from iris_api.domain.flower import CLASS_NAMES, FEATURES, MAX_BATCH, MAX_STREAM_ROWS
from iris_api.service.predictor import Predictor
from iris_api.settings import IrisSettings
from servekit.telemetry import TelemetrySettings
from tests.patience import GENEROUS_S, async_until

if TYPE_CHECKING:
    from pathlib import Path

    from iris_api.training.golden import Golden

ARROW = "application/vnd.apache.arrow.stream"
NAMES = ", ".join(FEATURES)
FIRST = FEATURES[0]


def table(rows: int = 3, **columns: Any) -> pa.Table:
    return pa.table({**{name: pa.array(np.full(rows, 1.5)) for name in FEATURES}, **columns})


def stream(*batches: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_table(batch)
    return bytes(sink.getvalue())


async def post(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await client.post("/v1/predict/arrow", content=body, headers={"content-type": ARROW})


async def refused(client: httpx.AsyncClient, body: bytes) -> tuple[int, str]:
    answer = await post(client, body)
    assert answer.headers["content-type"] == "application/json"
    (error,) = answer.json().values()
    return answer.status_code, error


async def test_100_000_rows_in_one_request_get_the_oracles_answers(
    iris_client: httpx.AsyncClient, golden: Golden
) -> None:
    order = np.random.default_rng(11).integers(0, 150, 100_000)
    answer = await post(iris_client, write_rows(golden.features[order].astype(np.float32)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW)
    labels, probabilities = read_answer(answer.content)
    assert np.array_equal(labels, golden.labels[order])
    assert np.abs(probabilities - golden.probabilities[order]).max() < 1e-5


async def test_the_answer_names_classes_model_and_version(iris_client: httpx.AsyncClient, golden: Golden) -> None:
    answer = await post(iris_client, write_rows(golden.features.astype(np.float32)))
    result = pa.ipc.open_stream(answer.content).read_all()
    assert result.schema.metadata == {b"model": b"iris", b"version": b"1"}
    assert [(field.name, str(field.type)) for field in result.schema] == [
        ("label", "int64"),
        ("class_name", "dictionary<values=string, indices=int8, ordered=0>"),
        *((name, "float") for name in CLASS_NAMES),
    ]
    assert result.column("class_name").to_pylist() == [CLASS_NAMES[label] for label in golden.labels]


async def test_columns_may_come_in_any_order(iris_client: httpx.AsyncClient, golden: Golden) -> None:
    columns = pa.table({name: golden.features[:, index] for index, name in enumerate(FEATURES)})
    in_order, reversed_ = [
        await post(iris_client, stream(columns.select(names))) for names in (FEATURES, FEATURES[::-1])
    ]
    assert in_order.status_code == 200
    assert in_order.content == reversed_.content


async def test_several_record_batches_are_one_batch(iris_client: httpx.AsyncClient, golden: Golden) -> None:
    columns = pa.table({name: golden.features[:, index] for index, name in enumerate(FEATURES)})
    parts = [columns.slice(0, 1), columns.slice(1, 0), columns.slice(1, 99), columns.slice(100)]
    labels, probabilities = read_answer((await post(iris_client, stream(*parts))).content)
    assert np.array_equal(labels, golden.labels)
    assert np.abs(probabilities - golden.probabilities).max() < 1e-5


@pytest.mark.parametrize(
    "kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]
)
async def test_a_column_may_be_of_any_kind_of_number(iris_client: httpx.AsyncClient, kind: str) -> None:
    expected = await post(iris_client, stream(table(**{FIRST: pa.array([4.0, 5.0, 6.0])})))
    column = pa.array(np.array([4, 5, 6], kind))
    answer = await post(iris_client, stream(table(**{FIRST: column})))
    assert answer.status_code == 200
    assert answer.content == expected.content


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array(["a", "b", "c"]), "string"),
        (pa.array([b"a", b"b", b"c"]), "binary"),
        (pa.array([True, False, True]), "bool"),
        (pa.array([1, 2, 3], pa.decimal128(10, 2)), "decimal128(10, 2)"),
        (pa.array([1, 2, 3], pa.date32()), "date32[day]"),
        (pa.array([1, 2, 3], pa.duration("s")), "duration[s]"),
        (pa.array([[1.0], [2.0], [3.0]]), "list<item: double>"),
        (pa.array([{"cm": 1}] * 3), "struct<cm: int64>"),
        (pa.nulls(3), "null"),
        (pa.array(["a", "b", "c"]).dictionary_encode(), "dictionary<values=string, indices=int32, ordered=0>"),
        (pa.array([1.0, 2.0, 3.0]).dictionary_encode(), "dictionary<values=double, indices=int32, ordered=0>"),
    ],
)
async def test_a_column_that_holds_no_plain_numbers_is_refused(
    iris_client: httpx.AsyncClient, column: pa.Array, kind: str
) -> None:
    expected = f"column {FIRST} type {kind}: expected a number of cm"
    assert await refused(iris_client, stream(table(**{FIRST: column}))) == (422, expected)


async def test_an_unknown_column_is_refused(iris_client: httpx.AsyncClient) -> None:
    expected = f"column colour: unknown: expected only {NAMES}"
    assert await refused(iris_client, stream(table(colour=pa.array(["red"] * 3)))) == (422, expected)


@pytest.mark.parametrize("name", FEATURES)
async def test_a_missing_column_is_refused(iris_client: httpx.AsyncClient, name: str) -> None:
    expected = f"column {name}: missing: expected one column of cm"
    assert await refused(iris_client, stream(table().drop_columns(name))) == (422, expected)


async def test_a_stream_without_columns_is_refused(iris_client: httpx.AsyncClient) -> None:
    expected = f"column {FIRST}: missing: expected one column of cm"
    assert await refused(iris_client, stream(pa.table({}))) == (422, expected)


async def test_a_column_given_twice_is_refused(iris_client: httpx.AsyncClient) -> None:
    twice = pa.Table.from_arrays([pa.array([1.0])] * 5, names=[*FEATURES, FIRST])
    expected = f"column {FIRST}: given more than once: expected one column of cm"
    assert await refused(iris_client, stream(twice)) == (422, expected)


async def test_nulls_are_refused(iris_client: httpx.AsyncClient) -> None:
    column = pa.array([1.0, None, None])
    assert await refused(iris_client, stream(table(**{FIRST: column}))) == (
        422,
        f"column {FIRST} 2 nulls: expected none",
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (1e300, "inf"),
        (-0.5, "-0.5"),
        (100.5, "100.5"),
        (2**63, "9.223372e+18"),
    ],
)
async def test_a_value_that_is_no_length_is_named_by_row_and_feature(
    iris_client: httpx.AsyncClient, value: float, shown: str
) -> None:
    column = np.ones(3000)
    column[2345] = value
    expected = f"features[2345].petal_width_cm {shown}: expected a length from 0 to 100 cm"
    assert await refused(iris_client, stream(table(3000, petal_width_cm=column))) == (422, expected)


async def test_a_stream_without_rows_is_refused(iris_client: httpx.AsyncClient) -> None:
    expected = (422, "features 0 rows: expected at least one flower")
    assert await refused(iris_client, stream(table().slice(0, 0))) == expected
    schema_alone = pa.BufferOutputStream()
    pa.ipc.new_stream(schema_alone, table().schema).close()
    assert await refused(iris_client, bytes(schema_alone.getvalue())) == expected


async def test_the_most_rows_are_accepted_and_one_more_is_refused(iris_client: httpx.AsyncClient) -> None:
    columns = {name: np.ones(MAX_STREAM_ROWS + 1, np.int8) for name in FEATURES}
    answer = await post(iris_client, stream(pa.table(columns).slice(1)))
    assert (answer.status_code, len(read_answer(answer.content)[0])) == (200, MAX_STREAM_ROWS)
    expected = "rows 500001 in the stream: expected 1 to 500000"
    assert await refused(iris_client, stream(pa.table(columns))) == (422, expected)


async def test_a_large_batch_does_not_keep_others_waiting(model_dir: Path) -> None:
    running, enough = threading.Event(), threading.Event()

    class Slow(OnnxModel):
        def run(self, rows: Any) -> Any:
            if len(rows) > MAX_BATCH:
                running.set()
                assert enough.wait(GENEROUS_S)
            return super().run(rows)

    model = Slow(model_dir)
    mine = (IrisSettings(), TelemetrySettings(), Predictor(model), ModelMonitor(model))
    app = create_app(*mine, registry=CollectorRegistry(), log_descriptor=2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://iris") as client:
        big = asyncio.ensure_future(post(client, stream(table(MAX_BATCH + 1))))
        await async_until(running.is_set)
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.post("/v1/predict", json=dict.fromkeys(FEATURES, 1.5))).status_code == 200
        assert not big.done()
        enough.set()
        assert (await big).status_code == 200


@pytest.mark.parametrize("body", [b"", b"hello", b"\x00" * 64, b"\xff" * 64, b"ARROW1\x00\x00", b"{}"])
async def test_bytes_that_are_no_stream_are_refused(iris_client: httpx.AsyncClient, body: bytes) -> None:
    status, error = await refused(iris_client, body)
    assert status == 400
    assert error.startswith("body: not an Arrow IPC stream: ")
    assert "\n" not in error


async def test_an_arrow_file_in_place_of_a_stream_is_refused(iris_client: httpx.AsyncClient) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table().schema) as writer:
        writer.write_table(table())
    status, error = await refused(iris_client, bytes(sink.getvalue()))
    assert (status, error.partition(":")[0]) == (400, "body")


async def test_a_stream_cut_short_is_refused(iris_client: httpx.AsyncClient) -> None:
    whole = stream(table())
    end_mark = 8  # a stream may also end without one
    statuses = {(await post(iris_client, whole[:size])).status_code for size in range(len(whole) - end_mark)}
    assert statuses <= {400, 422}
    assert (await refused(iris_client, whole[:-30]))[1] == (
        "body: not an Arrow IPC stream: Expected to be able to read 96 bytes for message body, got 74"
    )


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
async def test_a_compressed_stream_is_read(iris_client: httpx.AsyncClient, codec: str) -> None:
    columns = {name: np.linspace(0, 10, MAX_STREAM_ROWS).round(1) for name in FEATURES}
    body = stream(pa.table(columns), compression=codec)
    answer = await post(iris_client, body)
    assert (answer.status_code, len(read_answer(answer.content)[0])) == (200, MAX_STREAM_ROWS)


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
async def test_a_decompression_bomb_is_refused_before_it_goes_off(iris_client: httpx.AsyncClient, codec: str) -> None:
    columns = {name: np.zeros(2_500_000) for name in FEATURES}
    body = stream(pa.table(columns), compression=codec)
    del columns
    pool = pa.default_memory_pool()
    before, peak = pool.bytes_allocated(), pool.max_memory()
    expected = "body 80000000 bytes when decompressed: expected at most 18000000"
    assert await refused(iris_client, body) == (413, expected)
    assert pool.bytes_allocated() - before < 1_000_000
    assert pool.max_memory() == peak


@pytest.mark.parametrize("claimed", [2**40, 2**62, -2, -(2**63), 0, 1])
async def test_a_buffer_that_lies_about_its_size_is_refused(iris_client: httpx.AsyncClient, claimed: int) -> None:
    body = stream(table(1000), compression="zstd")
    honest = struct.pack("<q", 8000)
    assert body.count(honest) == 4
    status, error = await refused(iris_client, body.replace(honest, struct.pack("<q", claimed), 2))
    assert status in {400, 413}
    assert error.startswith("body")


@pytest.mark.parametrize("word", [2**40, -1, 2**63 - 1])
@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}])
async def test_a_damaged_stream_causes_no_server_error(
    iris_client: httpx.AsyncClient, options: dict[str, str], word: int
) -> None:
    body = stream(table(1000), **options)
    for at in range(0, min(len(body), 1000), 8):
        damaged = body[:at] + struct.pack("<q", word) + body[at + 8 :]
        assert (await post(iris_client, damaged)).status_code in {200, 400, 413, 422}


async def test_an_old_way_to_compress_is_refused(iris_client: httpx.AsyncClient) -> None:
    old = stream(table(), metadata_version=pa.ipc.MetadataVersion.V4)
    expected = "body: not an Arrow IPC stream: record batch of V4, expected record batches of V5"
    assert await refused(iris_client, old) == (400, expected)


async def test_another_content_type_is_refused(iris_client: httpx.AsyncClient) -> None:
    answer = await iris_client.post("/v1/predict/arrow", content=stream(table()), headers={"content-type": "text/csv"})
    expected = f"content-type text/csv: expected {ARROW}"
    assert (answer.status_code, answer.json()) == (415, {"error": expected})
