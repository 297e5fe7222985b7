"""A shop small enough to be made in a second, with versions planted whose faults are known, and its real processes.

The ranking model's score is an item's quality and nothing else, and what is clicked is the best of the page: so it is
known which order is right, and that a version which turns it around ranks worse with the very same scores.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper

from shop.addresses import Addresses
from shop.artefact import ModelCard, write_artefact
from shop.commands.stack import stack
from shop.features import store
from shop.features.ranking import ITEM
from shop.world.recorded_traffic import RecordedRequest, write_traffic
from tests.ports import free_block
from workbench.stack import down, up
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from workbench.stack import Stack

__all__ = ["FAULTS", "QUALITY", "ToyShop", "make_run_dir"]

USERS, ITEMS = 200, 300
QUALITY: NDArray[np.float32] = np.random.default_rng(1).random(ITEMS, dtype=np.float32)
"""Of each item, from 0 to 1: what the right order is by."""

FAULTS = {"as stable": 2, "slow": 3, "wrong order": 4}
"""The planted versions of ranking."""

_SLOW_SIZE, _SLOW_TIMES = 1024, 6  # six products of such matrices take a core some 100 ms


def make_run_dir(run_dir: Path) -> None:
    """Writes models, features and traffic as training does."""
    models, draw = run_dir / "models", np.random.default_rng(2)
    for version in (1, FAULTS["as stable"]):
        _write(models, "ranking", version, _ranking())
    _write(models, "ranking", FAULTS["slow"], _ranking(slow=True))
    _write(models, "ranking", FAULTS["wrong order"], _ranking(sign=-1))
    _write(models, "fraud", 1, _fraud())
    _write(models, "personalisation", 1, _personalisation(draw.normal(0, 1, (64, ITEMS))))
    items = draw.normal(0, 1, (ITEMS, store.ITEM_WIDTH))
    items[:, ITEM["quality"]] = QUALITY
    arrays = {"i:": items, "u:": draw.normal(0, 0.3, (USERS, store.USER_WIDTH + store.EMBEDDING))}
    for prefix in ("f:", "c:", "d:", "p:"):
        arrays[prefix] = draw.random((USERS, store.ENTITY_WIDTH))
    _write_features(run_dir / "features", arrays)
    (run_dir / "world").mkdir()
    write_traffic(run_dir / "world" / "traffic.parquet", _traffic())
    pq.write_table(pa.table({"user": list(range(USERS))}), run_dir / "world" / "views.parquet")


def _traffic() -> list[RecordedRequest]:
    """A little of what people ask, as the world writes it down."""
    draw, made = random.Random(1), []
    for number in range(100):
        user, candidates = draw.randrange(USERS), draw.sample(range(ITEMS), 20)
        search = {"user": user, "query": {"category": 3}, "candidates": candidates, "k": 10}
        ids = {"payment": f"p-{number}", "user": user, "card": 1, "device": 2, "ip": 3}
        payment = {**ids, "amount": 9.5, "category": 1, "hour": 12}
        good = [item for item in candidates if QUALITY[item] > 0.8]
        made += [
            RecordedRequest(number, "search", "/v1/search", search, {"clicked": good}),
            RecordedRequest(number, "payments", "/v1/payments/score", payment, {"fraud": False}),
            RecordedRequest(number, "recommendations", "/v1/recommendations", {"user": user, "k": 10}, {"viewed": [2]}),
        ]
    return made


def _write_features(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    folder.mkdir(parents=True)
    for prefix, rows in arrays.items():
        np.save(folder / store.FILES[prefix], rows.astype(store.FLOAT))
    (folder / store.POPULAR_FILE).write_text(json.dumps(np.argsort(-QUALITY)[: store.POPULAR_ITEMS].tolist()))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    generation = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    (folder / store.MANIFEST).write_text(json.dumps({"generation": generation, "files": files, "as_of": 0}))


def _write(models: Path, name: str, version: int, graph: Any) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    tensors = [
        [
            {"name": each.name, "datatype": _TYPES[each.type.tensor_type.elem_type], "shape": _shape(each)}
            for each in side
        ]
        for side in (graph.input, graph.output)
    ]
    card = ModelCard(
        name, str(version), "planted", "FP32", tensors[0], tensors[1], {}, "0" * 64, "2026-11-26T00:00:00+00:00", {}
    )
    write_artefact(models / name / str(version), model.SerializeToString(), card)


_TYPES = {TensorProto.FLOAT: "FP32", TensorProto.INT32: "INT32"}


def _shape(value: Any) -> list[int]:
    return [dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim]


def _ranking(*, sign: int = 1, slow: bool = False) -> Any:
    weights = np.zeros((store.RANKING_WIDTH, 1), np.float32)
    weights[store.USER_WIDTH + ITEM["quality"]] = sign
    constants = {"weights": weights, "offset": np.float32(0 if sign > 0 else 1)}
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["column"]),
        helper.make_node("Squeeze", ["column", "one"], ["plain"]),
        helper.make_node("Add", ["plain", "slack" if slow else "offset"], ["scores"]),
    ]
    constants["one"] = np.array([1], np.int64)
    if slow:
        nodes = [*_waste(constants), *nodes]
    return _graph(nodes, [_tensor("features", [None, 128])], [_tensor("scores", [None])], constants)


def _waste(constants: dict[str, Any]) -> list[Any]:
    """Products of large matrices that come to nothing, and depend on the input lest they be computed beforehand."""
    constants |= {"zero": np.float32(0), "large": np.ones((_SLOW_SIZE, _SLOW_SIZE), np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["features"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nought"]),
        helper.make_node("Add", ["large", "nought"], ["product-0"]),
    ]
    products = [f"product-{number}" for number in range(_SLOW_TIMES + 1)]
    nodes += [helper.make_node("MatMul", [factor, "large"], [result]) for factor, result in pairwise(products)]
    nodes.append(helper.make_node("ReduceMean", [products[-1]], ["wasted"], keepdims=0))
    nodes.append(helper.make_node("Mul", ["wasted", "zero"], ["slack"]))
    return nodes


def _fraud() -> Any:
    weights = np.full((store.FRAUD_WIDTH, 1), -0.1, np.float32)
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["column"]),
        helper.make_node("Squeeze", ["column", "one"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    constants = {"weights": weights, "one": np.array([1], np.int64)}
    return _graph(nodes, [_tensor("features", [None, 64])], [_tensor("probability", [None])], constants)


def _personalisation(vectors: NDArray[Any]) -> Any:
    nodes = [
        helper.make_node("MatMul", ["user", "vectors"], ["all"]),
        helper.make_node("TopK", ["all", "most"], ["scores", "places"], axis=1),
        helper.make_node("Cast", ["places"], ["items"], to=TensorProto.INT32),
    ]
    constants = {"vectors": vectors.astype(np.float32), "most": np.array([100], np.int64)}
    outputs = [_tensor("items", [None, 100], TensorProto.INT32), _tensor("scores", [None, 100])]
    return _graph(nodes, [_tensor("user", [None, 64])], outputs, constants)


def _tensor(name: str, shape: list[int | None], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, ["n" if size is None else size for size in shape])


def _graph(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: Mapping[str, Any]) -> Any:
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    return helper.make_graph(nodes, "planted", inputs, outputs, weights)


@dataclass(frozen=True)
class ToyShop:
    """The level's own stack, as `make up-3` starts it, on ports and in a folder of its own."""

    addresses: Addresses
    level: Stack
    environment: dict[str, str]

    @classmethod
    def on(cls, run_dir: Path, free_ports: Callable[[int], list[int]], **settings: str) -> ToyShop:
        """Gives the shop ports; nothing runs yet."""
        names = ("port", "envoy_admin_port", "triton_http_port", "triton_grpc_port", "triton_metrics_port")
        ports = dict(zip((*names, "features_port", "cache_port"), free_ports(7), strict=True))
        addresses = Addresses.model_validate({"run_dir": run_dir, "gateway_port": free_block(2), **ports})
        variables = {f"SHOP_{name.upper()}": str(value) for name, value in addresses.model_dump().items()}
        environment = {**variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **settings}
        with pytest.MonkeyPatch.context() as patch:
            _set(patch, environment)
            return cls(addresses, stack(renew=True), environment)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """The shop while it is up."""
        with pytest.MonkeyPatch.context() as patch:
            _set(patch, self.environment)
            up(self.level, make_console())
        try:
            yield self
        finally:
            down(self.level, make_console())


def _set(patch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        patch.setenv(name, value)
