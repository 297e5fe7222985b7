"""The formats that `make formats-1` compares: each writes rows to bytes and reads them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from iris_api.adapters.arrow_stream import read_rows, write_rows
from iris_api.domain.flower import Flower, as_rows
from servekit.oip import inference_pb2 as pb
from servekit.oip import rest, rpc
from servekit.oip.tensors import Inference, Tensor

__all__ = ["CODECS", "Codec"]

Codec = tuple[Callable[[NDArray[np.float64]], bytes], Callable[[bytes], NDArray[Any]]]
"""A function from rows (n, 4) to the bytes that a client sends, and one from these to the model's float32 rows."""

_read_flowers = msgspec.json.Decoder(list[Flower]).decode


def _to_json(rows: NDArray[np.float64]) -> bytes:
    return msgspec.json.encode([Flower(*row) for row in rows.tolist()])


def _from_json(data: bytes) -> NDArray[Any]:
    return as_rows(_read_flowers(data))


def _to_tensor(rows: NDArray[np.float64]) -> bytes:
    return rest.encode_request(_inference(rows), binary_inputs=True)[0]


def _from_tensor(data: bytes) -> NDArray[Any]:
    return rest.decode_request(data, str(data.index(b"]}") + 2)).inputs[0].data


def _to_protobuf(rows: NDArray[np.float64]) -> bytes:
    return rpc.encode_request("iris", "1", _inference(rows, binary=None)).SerializeToString()


def _from_protobuf(data: bytes) -> NDArray[Any]:
    return rpc.decode_request(pb.ModelInferRequest.FromString(data)).inputs[0].data


def _to_arrow(rows: NDArray[np.float64]) -> bytes:
    return write_rows(rows.astype(np.float32))


CODECS: dict[str, Codec] = {
    "JSON": (_to_json, _from_json),
    "JSON + tensor": (_to_tensor, _from_tensor),
    "protobuf": (_to_protobuf, _from_protobuf),
    "Arrow": (_to_arrow, read_rows),
}


def _inference(rows: NDArray[np.float64], binary: frozenset[str] | None = frozenset()) -> Inference:
    return Inference((Tensor("features", "FP32", rows.astype(np.float32)),), binary=binary)
