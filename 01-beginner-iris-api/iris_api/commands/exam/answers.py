"""What level 1 answers: by the protocol, rightly, the same over every door, and "no" to what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
import msgspec
import numpy as np
import onnxruntime as ort

from course.exam import demand
from course.exam.refusals import Refusal, refuse_all
from iris_api.adapters.artefact import read_artefact
from iris_api.commands.calls import CALLS, OVER_HTTP, ApiClient
from iris_api.domain.flower import as_dict
from iris_api.training.golden import read_golden
from servekit.loopback import DIRECT
from servekit.oip import rpc
from workbench.conformance import Outcome, Requirement, run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from course.exam import Examined

__all__ = ["agreement", "bad_input", "conformance", "correctness", "flowers"]

_FLOWERS: Final = 40
_TOLERANCE: Final = 1e-5
_SHORTEST, _LONGEST = 0.1, 10.0
_STRAYS: Final = 0.4


def conformance(examined: Examined) -> str:
    """Every MUST of the Open Inference Protocol."""
    results = run(examined.url, "iris", grpc_address=examined.facts["grpc"])
    failed = [each for each in results if each.outcome is Outcome.FAILED and each.level is Requirement.MUST]
    passed = sum(each.outcome is Outcome.PASSED for each in results)
    demand(not failed, f"{len(failed)} MUST failed: " + "; ".join(f"{f.check.name}: {f.detail}" for f in failed[:2]))
    return f"conforms: {passed} checks passed"


def flowers(examined: Examined, purpose: str, count: int = _FLOWERS) -> NDArray[np.float64]:
    """Flowers (count, 4) that nobody measured: those of the data, each length moved a little."""
    draw, known = examined.draw(purpose), read_golden(examined.facts["model_dir"]).features
    rows = [known[draw.randrange(len(known))] for _ in range(count)]
    moved = [[value + draw.uniform(-_STRAYS, _STRAYS) for value in row] for row in rows]
    return np.clip(np.round(moved, 3), _SHORTEST, _LONGEST)


def correctness(examined: Examined) -> str:
    """Flowers that were never in the data, one by one, against ONNX Runtime on the artefact itself."""
    rows = flowers(examined, "correctness")
    labels, probabilities = _oracle(examined, rows)
    wrong = []
    for row, label, expected in zip(rows, labels, probabilities, strict=True):
        answer = examined.http.post("/v1/predict", json=as_dict(row))
        demand(answer.status_code == 200, f"{as_dict(row)}: answered {answer.status_code}")  # noqa: PLR2004
        (found,) = answer.json()["predictions"]
        if found["label"] != label or not np.allclose(found["probabilities"], expected, rtol=0, atol=_TOLERANCE):
            wrong.append(f"{row.tolist()} got label {found['label']}, expected {label}")
    demand(not wrong, f"{len(wrong)} of {len(rows)} answers are wrong: {'; '.join(wrong[:2])}")
    return f"{len(rows)} flowers that nobody measured, all answered as the model says"


def agreement(examined: Examined) -> str:
    """The same flowers over every protocol, one by one and as a batch, in the order asked."""
    rows = flowers(examined, "agreement", 12)
    address = examined.facts["grpc"]
    calls = CALLS if address else OVER_HTTP
    with grpc.insecure_channel(address or "127.0.0.1:1", [*DIRECT, *rpc.UNLIMITED]) as channel:
        api = ApiClient(examined.http, channel)
        answered = {name: call(api, rows) for name, call in calls.items()}
    (first, expected), *others = answered.items()
    for name, found in others:
        same = np.array_equal(found[0], expected[0])
        same = same and np.allclose(found[1], expected[1], rtol=0, atol=_TOLERANCE)
        demand(same, f"{name} answers {found[0].tolist()}, {first} {expected[0].tolist()}")
    return f"{len(answered)} ways to ask give the same answers, in the order asked"


def bad_input(examined: Examined) -> str:
    """Wrong requests of every kind to ``/v1/predict``."""
    return refuse_all(examined, _refusals(flowers(examined, "bad-input", 1)[0]), lambda answer: answer["error"])


def _refusals(flower: NDArray[np.float64]) -> list[Refusal]:
    good = as_dict(flower)
    name = next(iter(good))
    text = {"content-type": "text/plain"}

    def wrong(what: str, status: int, body: Any, **more: Any) -> Refusal:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return Refusal(what, status, "/v1/predict", content, **more)

    return [
        wrong("no body", 400, b""),
        wrong("half a JSON document", 400, msgspec.json.encode(good)[:-4]),
        wrong("bytes that are no UTF-8", 400, b"\xff\xfe\xfa"),
        wrong("deep nesting", 400, b"[" * 50_000),
        wrong("a media type that is not JSON", 415, good, headers=text),
        wrong("a field that is missing", 422, {key: good[key] for key in good if key != name}),
        wrong("a field that is not known", 422, {**good, "colour": 1}),
        wrong("a text where a number belongs", 422, {**good, name: "long"}),
        wrong("null where a number belongs", 422, {**good, name: None}),
        wrong("a negative length", 422, {**good, name: -1}),
        wrong("a length of a metre", 422, {**good, name: 101}),
        wrong("a number beyond all floats", 422, msgspec.json.encode(good).replace(b"}", b',"x":1e999}')),
        wrong("an empty batch", 422, []),
        wrong("a batch of 1,001", 422, [good] * 1001),
        wrong("a body beyond the limit", 413, b"", claims=11 * 1024 * 1024),
        wrong("another method", 405, b"", method="PUT"),
        Refusal("a path that is not there", 404, "/v1/predictt", b"{}"),
    ]


def _oracle(examined: Examined, rows: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    graph, _ = read_artefact(examined.facts["model_dir"])
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(["label", "probabilities"], {"features": rows.astype(np.float32)})
    return np.asarray(labels), np.asarray(probabilities)
