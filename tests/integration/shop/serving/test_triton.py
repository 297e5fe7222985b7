"""The real Triton on the generated repository."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from servekit.errors import InvalidValueError
from servekit.oip.rest import check_answer
from shop.endpoints import MODELS
from shop.gateway.domain.tensors import rewrite
from shop.serving.control import Control, ControlError, main
from tests.integration.shop.serving.triton_world import BEST, Triton, computed, running_triton
from workbench.conformance.registry import Outcome
from workbench.conformance.suite import conforms, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

ONES: dict[str, Any] = {"inputs": [{"name": "features", "shape": [1, 128], "datatype": "FP32", "data": [1.0] * 128}]}
WIDTHS = {"ranking": 128, "fraud": 64, "personalisation": 64}


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[Triton]:
    with running_triton(tmp_path_factory.mktemp("triton"), free_ports(3)) as triton:
        yield triton


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[Triton]:
    """In which nothing is loaded or unloaded: a Triton whose load once failed is never ready again."""
    with running_triton(tmp_path_factory.mktemp("untouched"), free_ports(3)) as triton:
        yield triton


def rows(model: str, count: int) -> NDArray[np.float32]:
    return np.random.default_rng(7).normal(size=(count, WIDTHS[model])).astype(np.float32)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("count", [1, 20])
def test_triton_answers_what_onnx_runtime_computes(triton: Triton, model: str, count: int) -> None:
    asked = rows(model, count)
    expected = computed(triton.addresses.models_dir, model, 1, asked)
    answers = triton.infer(model, 1, asked)
    assert len(answers) == len(expected)
    for answer, right in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer.reshape(right.shape), right, rtol=1e-5)


def test_recommendations_come_with_their_items_best_first(triton: Triton) -> None:
    items, scores = triton.infer("personalisation", 1, rows("personalisation", 2))
    assert items.shape == scores.shape == (2, BEST)
    assert items.dtype == np.int32
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_request_with_more_rows_than_a_batch_holds_is_refused(triton: Triton) -> None:
    with pytest.raises(AssertionError, match="batch-size must be <= 512"):
        triton.infer("ranking", 1, rows("ranking", 513))


def infer(triton: Triton, sent: dict[str, Any]) -> httpx.Response:
    """What Triton answers when it is asked as the gateway asks it."""
    request = rewrite(json.dumps(sent).encode(), None)
    headers = {name.decode(): value.decode() for name, value in request.headers}
    return triton.client.post("/v2/models/ranking/infer", content=request.body, headers=headers)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parameters": {"timeout": 0, "priority": 1, "sequence_id": "x", "sequence_start": False, "mine": 1.5}},
        {"parameters": {"timeout": 2**64 - 1, "sequence_id": 2**64 - 1}},
        {"outputs": [{"name": "scores", "parameters": {"classification": 1}}]},
        {"outputs": [{"name": "scores"}, {"name": "scores"}]},
        {"inputs": [{"name": "features", "shape": [1, 128], "datatype": "FP32", "data": [[1] * 128]}]},
    ],
)
def test_triton_reads_all_that_the_gateway_lets_pass(triton: Triton, changes: dict[str, Any]) -> None:
    answer = infer(triton, {**ONES, **changes})
    assert answer.status_code == 200, answer.text
    check_answer(answer.content)


@pytest.mark.parametrize("value", [3e38, 1e38])
def test_scores_beyond_all_numbers_are_found_in_tritons_answer(triton: Triton, value: float) -> None:
    answer = infer(triton, {"inputs": [{**ONES["inputs"][0], "data": [value] * 128}]})
    assert answer.status_code == 200
    with pytest.raises(InvalidValueError, match=r"^tensor scores: holds NaN or infinity"):
        check_answer(answer.content)


@pytest.mark.parametrize("model", MODELS)
def test_triton_speaks_the_open_inference_protocol(untouched: Triton, model: str) -> None:
    results = run(
        str(untouched.client.base_url), model, "1", grpc_address=f"127.0.0.1:{untouched.addresses.triton_grpc_port}"
    )
    assert conforms(results), [result for result in results if result.outcome is Outcome.FAILED]


def test_a_version_comes_and_goes_without_losing_a_request(triton: Triton) -> None:
    control = Control(triton.addresses)
    asked = rows("ranking", 5)
    with under_load(triton) as failures:
        control.add("ranking", 2)
        second = triton.infer("ranking", 2, asked)
        control.remove("ranking", 2)
    assert failures == []
    right = computed(triton.addresses.models_dir, "ranking", 2, asked)
    np.testing.assert_allclose(second[0].reshape(-1), right[0], rtol=1e-5)
    assert triton.client.get("/v2/models/ranking/versions/2/ready").status_code != 200


def test_a_model_that_is_unloaded_comes_back_with_its_versions(triton: Triton) -> None:
    control = Control(triton.addresses)
    control.unload("fraud")
    assert triton.client.get("/v2/models/fraud/ready").status_code != 200
    control.load("fraud")
    assert triton.infer("fraud", 1, rows("fraud", 1))


def test_a_damaged_version_is_never_served_and_leaves_the_others_as_they_were(triton: Triton) -> None:
    graph = triton.addresses.models_dir / "fraud" / "2" / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole + b"\0")
    try:
        with pytest.raises(ControlError, match=r"model.onnx sha256 .*: expected .*, as model.json says.*make train-3"):
            Control(triton.addresses).add("fraud", 2)
    finally:
        graph.write_bytes(whole)
    assert triton.infer("fraud", 1, rows("fraud", 1))


def test_triton_itself_refuses_a_graph_that_its_card_does_not_vouch_for(triton: Triton) -> None:
    """As if the repository's disk had lost a bit."""
    folder = triton.repository / "fraud" / "2"
    control = Control(triton.addresses)
    control.add("fraud", 2)
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"\0")
    with pytest.raises(ControlError, match=r"fraud.* model.onnx sha256 .*: expected .*, as model.json says"):
        control.load("fraud")
    assert triton.infer("fraud", 2, rows("fraud", 1)), "what was loaded before goes on answering"
    shutil.rmtree(folder)
    control.add("fraud", 2)
    control.remove("fraud", 2)


def test_the_command_lists_what_is_served_and_says_what_is_wrong(
    triton: Triton, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list"], triton.addresses) == 0
    assert capsys.readouterr().out.splitlines()[0] == "fraud                1  ready"
    assert main(["load", "nothing"], triton.addresses) == 1
    assert capsys.readouterr().err.startswith("error: RepositoryModelLoad nothing: ")
    assert main(["remove", "ranking", "7"], triton.addresses) == 1
    assert capsys.readouterr().err == "error: version 7 of ranking: expected one of 1\n"
    assert main(["remove", "ranking", "1"], triton.addresses) == 1
    assert capsys.readouterr().err.endswith("it is the last one; unload the model instead\n")


class under_load:  # noqa: N801 - reads as what it does
    """Asks for a ranking again and again on two connections; gives the list of what was not answered."""

    def __init__(self, triton: Triton) -> None:
        self._triton = triton
        self._failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(2)]

    def _send(self) -> None:
        body = {
            "inputs": [{"name": "features", "datatype": "FP32", "shape": [2, 128], "data": [0.5] * 256}],
        }
        port = self._triton.addresses.triton_http_port
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            while not self._stop.is_set():
                answer = client.post("/v2/models/ranking/versions/1/infer", json=body)
                if answer.status_code != 200:
                    self._failures.append(f"{answer.status_code} {answer.text}")

    def __enter__(self) -> list[str]:
        for thread in self._threads:
            thread.start()
        return self._failures

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
