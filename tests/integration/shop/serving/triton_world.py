"""A real Triton, on small models of the contract's signatures that a test can compute by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from servekit.oip import rest
from servekit.oip.tensors import Inference, Tensor
from shop.addresses import Addresses
from shop.artefact import Artefact, ModelCard, write_artefact
from shop.serving.repository import write_repository
from shop.serving.triton import release_memory
from tests.patience import GENEROUS_S, until
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

ITEMS, BEST = 40, 10
RETRIES = 2


def write_models(models_dir: Path, versions: tuple[int, ...] = (1,)) -> None:
    """Ranking, fraud and personalisation, with other weights in each version."""
    for version in versions:
        random = np.random.default_rng(version)
        _write(models_dir / "ranking" / str(version), _linear(random, 128, "scores", "Identity"))
        _write(models_dir / "fraud" / str(version), _linear(random, 64, "probability", "Sigmoid"))
        _write(models_dir / "personalisation" / str(version), _best(random))


def _write(folder: Path, graph: onnx.GraphProto) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    card = ModelCard(
        folder.parent.name, folder.name, "test", "FP32", _tensors(graph.input), _tensors(graph.output), {}, "", "", {}
    )
    write_artefact(folder, model.SerializeToString(), card)


def _tensors(values: Any) -> list[dict[str, Any]]:
    names = {TensorProto.FLOAT: "FP32", TensorProto.INT32: "INT32"}
    return [
        {
            "name": value.name,
            "datatype": names[value.type.tensor_type.elem_type],
            "shape": [dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim],
        }
        for value in values
    ]


def _linear(random: np.random.Generator, width: int, output: str, last: str) -> onnx.GraphProto:
    weights = numpy_helper.from_array(random.normal(size=(width,)).astype(np.float32), "weights")
    nodes = [helper.make_node("MatMul", ["features", "weights"], ["z"]), helper.make_node(last, ["z"], [output])]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n"])]
    return helper.make_graph(nodes, "linear", inputs, outputs, [weights])


def _best(random: np.random.Generator) -> onnx.GraphProto:
    items = numpy_helper.from_array(random.normal(size=(64, ITEMS)).astype(np.float32), "catalogue")
    count = numpy_helper.from_array(np.array([BEST], np.int64), "count")
    nodes = [
        helper.make_node("MatMul", ["user", "catalogue"], ["all"]),
        helper.make_node("TopK", ["all", "count"], ["scores", "positions"]),
        helper.make_node("Cast", ["positions"], ["items"], to=TensorProto.INT32),
    ]
    inputs = [helper.make_tensor_value_info("user", TensorProto.FLOAT, ["n", 64])]
    outputs = [
        helper.make_tensor_value_info("items", TensorProto.INT32, ["n", BEST]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", BEST]),
    ]
    return helper.make_graph(nodes, "best", inputs, outputs, [items, count])


def computed(models_dir: Path, model: str, version: int, rows: NDArray[np.float32]) -> list[NDArray[Any]]:
    """What ONNX Runtime makes of the rows, in this process."""
    session = ort.InferenceSession(Artefact(models_dir / model / str(version)).onnx())
    outputs: list[NDArray[Any]] = session.run(None, {session.get_inputs()[0].name: rows})
    return outputs


@contextmanager
def running_server(command: list[str], environment: dict[str, str], log: Path, http_port: int) -> Iterator[None]:
    """A Triton that is ready; one that its Python backend ended as it started is started again, as `make up-3` does."""
    process, ended = _start(command, environment, log), 0

    def is_ready() -> bool:
        nonlocal process, ended
        if process.poll() is not None:
            text = log.read_text()
            ended += 1
            assert "lock_exception" in text, text  # triton-inference-server/server#8882
            assert ended <= RETRIES, text
            process = _start(command, environment, log)
        try:
            return httpx.get(f"http://127.0.0.1:{http_port}/v2/health/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        until(is_ready, log.read_text)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GENEROUS_S)
        finally:
            process.kill()
            release_memory(Addresses(triton_http_port=http_port))


def _start(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)


class Triton:
    """A running Triton and the run folder that it serves."""

    def __init__(self, addresses: Addresses, log: Path) -> None:
        self.addresses = addresses
        self.repository = addresses.run_dir / "triton" / "repository"
        self.log = log
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{addresses.triton_http_port}", timeout=30)

    def ready(self) -> bool:
        try:
            return self.client.get("/v2/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def infer(self, model: str, version: int, rows: NDArray[np.float32]) -> list[NDArray[Any]]:
        """The outputs, over binary HTTP, in the order of the model's card."""
        name = "user" if model.startswith("personalisation") else "features"
        body, length = rest.encode_request(Inference((Tensor(name, "FP32", rows),)), binary_inputs=True)
        headers = {rest.HEADER_LENGTH: str(length), "content-type": "application/octet-stream"}
        answer = self.client.post(f"/v2/models/{model}/versions/{version}/infer", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return [
            tensor.data
            for tensor in rest.decode_response(answer.content, answer.headers.get(rest.HEADER_LENGTH)).outputs
        ]


@contextmanager
def running_triton(folder: Path, ports: list[int], versions: tuple[int, ...] = (1,)) -> Iterator[Triton]:
    """Triton on three ports, with these versions of each model; version 2 is an artefact, too, but not served."""
    http, grpc, metrics = ports
    addresses = Addresses(
        run_dir=folder / "run", triton_http_port=http, triton_grpc_port=grpc, triton_metrics_port=metrics
    )
    write_models(addresses.models_dir, versions)
    repository = addresses.run_dir / "triton" / "repository"
    repository.mkdir(parents=True)
    write_repository(addresses.models_dir, repository)
    write_models(addresses.models_dir, (2,))
    environment = {
        "SHOP_RUN_DIR": str(addresses.run_dir),
        "SHOP_TRITON_HTTP_PORT": str(http),
        "SHOP_TRITON_GRPC_PORT": str(grpc),
        "SHOP_TRITON_METRICS_PORT": str(metrics),
        "SHOP_TRITON_ENVIRONMENT": str(ROOT / ".venvs/triton"),
        # once a load has failed, Triton waits for that model at its end as long as it may
        "SHOP_TRITON_EXIT_TIMEOUT_S": "2",
    }
    log = folder / "triton.log"
    triton = Triton(addresses, log)
    with running_server([sys.executable, "-m", "shop.serving.triton"], environment, log, http), triton.client:
        yield triton
