"""``make transport-3``: the gateway's call of Triton over gRPC and over HTTP with binary tensors, side by side.

One Triton answers both. What is compared is the caller's CPU time for a call, for that is what a gateway runs out of;
every pair of answers is compared, too. The faster one is what `shop.gateway.adapters.inference` speaks.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Protocol

import grpc
import numpy as np
import psutil
import uvloop

from servekit.artefact_folder import ArtefactError
from servekit.json_file import write_json
from servekit.loopback import DIRECT
from servekit.oip import inference_pb2 as pb
from servekit.oip.rpc import UNLIMITED
from servekit.oip.tensors import DTYPES
from shop.gateway.adapters.inference import FRAUD, PERSONALISATION, RANKING, ModelCalls, ModelPools, Signature
from shop.gateway.domain.versions import Versions
from shop.load.private_stack import private_stack
from shop.serving.feature_set import FeatureSetError
from workbench.hardware import describe, hardware_stamp
from workbench.processes import pin
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shop.addresses import Addresses

__all__ = ["CallCost", "main"]

_OUTPUT = Path(".run/bench/transport-3.json")
_ROUNDS, _CALLS = 6, 300
_SHAPES = ((RANKING, 100), (FRAUD, 1), (PERSONALISATION, 1))
_IN_FLIGHT = (1, 8)
_PATIENT_S = 10.0
_TRACE = "00-00000000000000000000000000000001-0000000000000001-00"
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class CallCost:
    """Medians over the rounds: the caller's CPU for a call, in µs, and the time of a call, in ms."""

    model: str
    rows: int
    in_flight: int
    transport: str
    cpu_us: float
    p50_ms: float


class Transport(Protocol):
    """A way to call a model on Triton."""

    async def infer(self, signature: Signature, rows: NDArray[np.float32]) -> list[NDArray[np.generic]]:
        """The outputs, in the signature's order."""
        ...


class _BinaryHttp:
    """Binary tensors over HTTP, as the gateway sends them."""

    def __init__(self, addresses: Addresses) -> None:
        self._calls = ModelCalls(ModelPools("127.0.0.1", addresses.triton_http_port, {}), Versions(()), versioned=True)

    async def infer(self, signature: Signature, rows: NDArray[np.float32]) -> list[NDArray[np.generic]]:
        return (await self._calls.infer(signature, "1", rows, _TRACE, _PATIENT_S)).outputs


class _Grpc:
    """grpc.aio with raw contents, the message filled in by hand: nothing that a client could leave out."""

    def __init__(self, addresses: Addresses) -> None:
        self._channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{addresses.triton_grpc_port}", options=[*DIRECT, *UNLIMITED]
        )
        self._infer = self._channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )

    async def infer(self, signature: Signature, rows: NDArray[np.float32]) -> list[NDArray[np.generic]]:
        tensor = pb.ModelInferRequest.InferInputTensor(name=signature.input, datatype="FP32", shape=rows.shape)
        wanted = [pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in signature.outputs]
        request = pb.ModelInferRequest(
            model_name=signature.model,
            model_version="1",
            inputs=[tensor],
            outputs=wanted,
            raw_input_contents=[rows.tobytes()],
        )
        answer = await self._infer(request, timeout=_PATIENT_S, metadata=(("traceparent", _TRACE),))
        pairs = zip(answer.outputs, answer.raw_output_contents, strict=True)
        found = {output.name: np.frombuffer(raw, DTYPES[output.datatype]) for output, raw in pairs}
        return [found[name] for name in signature.outputs]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table and writes ``.run/bench/transport-3.json``; 1 when there is nothing to measure on."""
    argparse.ArgumentParser(prog="python -m shop.commands.transport", description=__doc__.split("\n")[0]).parse_args(
        argv
    )
    console, stamp = make_console(), hardware_stamp()
    try:
        with tempfile.TemporaryDirectory(prefix="transport-") as folder, private_stack(Path(folder)) as stack:
            pin(0, stack.triton)
            pin(1, psutil.Process())
            costs = uvloop.run(_measure(stack.addresses))
    except (ArtefactError, FeatureSetError, RuntimeError) as error:
        say(f"transport: {error}", stderr=True)
        return 1
    document = {"hardware": stamp, "rounds": _ROUNDS, "calls": _CALLS, "costs": [asdict(cost) for cost in costs]}
    write_json(_OUTPUT, document)
    table = make_table(
        console, "model", "rows", "in flight", "transport", "caller's CPU µs", "p50 ms", numbers=(1, 2, 4, 5)
    )
    for cost in costs:
        table.add_row(
            cost.model, str(cost.rows), str(cost.in_flight), cost.transport, f"{cost.cpu_us:.0f}", f"{cost.p50_ms:.2f}"
        )
    console.print(table)
    console.print(f"[dim]{describe(stamp)}; {_ROUNDS} rounds of {_CALLS} calls, in turn[/]")
    return 0


async def _measure(addresses: Addresses) -> list[CallCost]:
    transports: dict[str, Transport] = {"binary HTTP": _BinaryHttp(addresses), "gRPC": _Grpc(addresses)}
    costs = []
    for signature, count in _SHAPES:
        rows = np.random.default_rng(3).normal(size=(count, signature.width)).astype(np.float32)
        await _compare(transports, signature, rows)
        for in_flight in _IN_FLIGHT:
            measured: dict[str, list[tuple[float, float]]] = {name: [] for name in transports}
            for turn in range(_ROUNDS):
                for name in reversed(transports) if turn % 2 else transports:
                    measured[name].append(await _round(transports[name], signature, rows, in_flight))
            for name, pairs in measured.items():
                cpu_us, p50_ms = (median(each) for each in zip(*pairs, strict=True))
                costs.append(CallCost(signature.model, count, in_flight, name, round(cpu_us, 1), round(p50_ms, 3)))
    return costs


async def _compare(transports: dict[str, Transport], signature: Signature, rows: NDArray[np.float32]) -> None:
    answers = [await transport.infer(signature, rows) for transport in transports.values()]
    for one, other in zip(*answers, strict=True):
        if one.size != other.size or not np.allclose(one, other, rtol=0, atol=_TOLERANCE):
            raise RuntimeError(f"{signature.model}: the two transports got different answers")


async def _round(
    transport: Transport, signature: Signature, rows: NDArray[np.float32], in_flight: int
) -> tuple[float, float]:
    """CPU of a call in µs, and its median time in ms."""
    times: list[float] = []
    turn = iter(range(_CALLS))

    async def call() -> None:
        for _ in turn:
            began = perf_counter()
            await transport.infer(signature, rows)
            times.append(perf_counter() - began)

    began = process_time()
    await asyncio.gather(*(call() for _ in range(in_flight)))
    return (process_time() - began) / _CALLS * 1e6, median(times) * 1e3


if __name__ == "__main__":
    sys.exit(main())
