"""``make transport-2`` sends one user's features to the model step in each form that Seldon allows, and compares them.

Numbers may travel as JSON (``ndarray``, ``tensor``), as protobuf doubles, or as bytes in a format of one's own
(``binData``). Each form asks the same running step the same question, in turn, and all must get equal scores.
"""

from __future__ import annotations

import statistics
import sys
from base64 import b64decode, b64encode
from contextlib import closing
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import grpc
import msgspec
import numpy as np

from graph_router.adapters import prediction_pb2 as pb
from recommender.adapters.artefact import Artefact, ArtefactError
from recommender.adapters.tensors import decode, encode
from recommender.commands.processes import model_port
from recommender.domain.request import RecommendationRequest
from recommender.service.preparation import Preparation
from recommender.settings import RecommenderSettings
from servekit.json_file import write_json
from servekit.loopback import DIRECT
from workbench.hardware import describe, hardware_stamp
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["FORMS", "Cost", "main", "measure"]

_OUTPUT = Path(".run/bench/transport-2.json")
_ROUNDS = 5
_CALLS = 40
_TOLERANCE = 1e-5
_REST = ("POST", "/predict")
_RPC = "/seldon.protos.Model/Predict"

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class Cost:
    """The cost of one form: bytes of the request and the answer, and ms from array to array over all calls."""

    form: str
    request_bytes: int
    answer_bytes: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class _Form:
    """How an array becomes a request body, and an answer's body an array."""

    over: str
    pack: Callable[[NDArray[np.float32]], bytes]
    unpack: Callable[[bytes], NDArray[Any]]


def _bin(features: NDArray[np.float32]) -> bytes:
    return encode({"features": features})


def _unbin(document: bytes) -> NDArray[Any]:
    return decode(document)[0]["scores"]


def _tensor(features: NDArray[np.float32]) -> bytes:
    tensor = pb.Tensor(shape=features.shape, values=features.ravel().tolist())
    return pb.SeldonMessage(data=pb.DefaultData(tensor=tensor)).SerializeToString()


def _ndarray(features: NDArray[np.float32]) -> bytes:
    return _to_json({"data": {"ndarray": features.tolist()}})


def _flat(features: NDArray[np.float32]) -> bytes:
    return _to_json({"data": {"tensor": {"shape": features.shape, "values": features.ravel().tolist()}}})


FORMS = {
    "REST, ndarray": _Form("rest", _ndarray, lambda body: np.array(_from_json(body)["data"]["ndarray"])),
    "REST, tensor": _Form("rest", _flat, lambda body: np.array([_from_json(body)["data"]["tensor"]["values"]])),
    "REST, binData": _Form(
        "rest",
        lambda features: _to_json({"binData": b64encode(_bin(features)).decode()}),
        lambda body: _unbin(b64decode(_from_json(body)["binData"])),
    ),
    "gRPC, tensor": _Form(
        "grpc", _tensor, lambda body: np.array([pb.SeldonMessage.FromString(body).data.tensor.values])
    ),
    "gRPC, binData": _Form(
        "grpc",
        lambda features: pb.SeldonMessage(binData=_bin(features)).SerializeToString(),
        lambda body: _unbin(pb.SeldonMessage.FromString(body).binData),
    ),
}
"""All forms in which the model step takes features and gives scores."""


def main() -> int:
    """Prints a table and writes ``.run/bench/transport-2.json``; returns 1 when the level does not run."""
    try:
        costs = measure(model_port(RecommenderSettings()), _features(), _ROUNDS, _CALLS)
    except (OSError, HTTPException, grpc.RpcError, ArtefactError) as error:
        reason = error.details() if isinstance(error, grpc.Call) else error
        say(f"transport: {reason}: run make up-2", stderr=True)
        return 1
    stamp = hardware_stamp()
    document = {"hardware": stamp, "rounds": _ROUNDS, "calls": _CALLS, "costs": [asdict(cost) for cost in costs]}
    write_json(_OUTPUT, document)
    console = make_console()
    table = make_table(
        console, "1,682 features → 1,682 scores", "bytes out", "bytes back", "p50 ms", "p95 ms", "ratio", numbers=1
    )
    best = min(cost.p50_ms for cost in costs)
    for cost in costs:
        figures = (f"{cost.request_bytes:,}", f"{cost.answer_bytes:,}", f"{cost.p50_ms:.2f}", f"{cost.p95_ms:.2f}")
        table.add_row(cost.form, *figures, f"{cost.p50_ms / best:.1f}×")
    console.print(table)
    console.print(f"[dim]{describe(stamp)}; {_ROUNDS} rounds of {_CALLS} calls, forms in turn[/]")
    return 0


def measure(port: int, features: NDArray[np.float32], rounds: int, calls: int) -> list[Cost]:
    """The costs of all forms at the model step whose HTTP port is ``port`` and whose gRPC port is the next one.

    Raises:
        OSError, HTTPException, grpc.RpcError: the step does not answer.
        RuntimeError: two forms got different scores.
    """
    with (
        closing(HTTPConnection("127.0.0.1", port, timeout=30)) as http,
        grpc.insecure_channel(f"127.0.0.1:{port + 1}", DIRECT) as channel,
    ):
        rpc = channel.unary_unary(_RPC, request_serializer=bytes, response_deserializer=bytes)
        send = {"rest": lambda body: _post(http, body), "grpc": lambda body: rpc(body, timeout=30)}
        times: dict[str, list[float]] = {name: [] for name in FORMS}
        for turn in range(rounds):
            for name in reversed(FORMS) if turn % 2 else FORMS:
                form = FORMS[name]
                times[name] += [_timed(form, send[form.over], features) for _ in range(calls)]
        exchanged = {name: (body := form.pack(features), send[form.over](body)) for name, form in FORMS.items()}
    _check({name: FORMS[name].unpack(answer) for name, (_, answer) in exchanged.items()})
    return [
        Cost(name, *map(len, exchanged[name]), *(round(float(ms), 3) for ms in _percentiles(times[name])))
        for name in FORMS
    ]


def _features() -> NDArray[np.float32]:
    artefact = Artefact(RecommenderSettings().stable_dir)
    preparation = Preparation(artefact.normalisation(), artefact.histories(), artefact.catalogue())
    return preparation.prepare(RecommendationRequest(user=196)).features


def _post(http: HTTPConnection, body: bytes) -> bytes:
    http.request(*_REST, body, {"content-type": "application/json"})
    answer = http.getresponse()
    content = answer.read()
    if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise HTTPException(f"{answer.status}: {content[:200]!r}")
    return content


def _timed(form: _Form, send: Callable[[bytes], bytes], features: NDArray[np.float32]) -> float:
    started = perf_counter()
    form.unpack(send(form.pack(features)))
    return (perf_counter() - started) * 1e3


def _percentiles(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), float(np.percentile(times, 95))


def _check(scores: dict[str, NDArray[Any]]) -> None:
    first = next(iter(scores.values()))
    for name, each in scores.items():
        if each.shape != first.shape or not np.allclose(each, first, atol=_TOLERANCE):
            raise RuntimeError(f"{name}: other scores than {next(iter(scores))}")


if __name__ == "__main__":
    sys.exit(main())
