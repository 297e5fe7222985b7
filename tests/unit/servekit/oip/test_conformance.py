from __future__ import annotations

import numpy as np
import pytest

from servekit.oip.rest import TensorMetadata
from servekit.oip.tensors import DTYPES, Tensor
from tests.unit.servekit.oip.small_server import small_server
from workbench.conformance import CHECKS, CheckResult, Outcome, Requirement, UnreachableError, conforms, run
from workbench.conformance.__main__ import main
from workbench.conformance.signature import Signature, fits, same_numbers, synthesise
from workbench.conformance.verdict import NotApplicableError, ViolationError

SPOILT_OVER_REST = {
    "an input that the model does not have is refused",
    "an input of another datatype is refused",
    "an input of another rank is refused",
    "an input of another size is refused",
    "a request without inputs is refused",
    "an output that the model does not have is refused",
    "a body that is not JSON is refused",
    "a body without the field inputs is refused",
    "fewer values than the shape says are refused",
    "more values than the shape says are refused",
    "a header length beyond the body is refused",
    "a header length that is no number is refused",
    "a binary tensor that the body is too short for is refused",
}
UNKNOWN_OVER_REST = {
    "an unknown model is refused",
    "the metadata of an unknown model is refused",
    "an unknown version is refused",
}

DEFECTS: dict[str, set[str]] = {
    "is not live": {"the server is live", "liveness is answered with a JSON object that says so"},
    "is not ready over gRPC": {"the server is ready over gRPC"},
    "forgets the id": {"the request's id is returned"},
    "forgets the id over gRPC": {"the request's id is returned over gRPC"},
    "ignores outputs": {
        "the outputs asked for are returned, and no others",
        "the outputs asked for are returned over gRPC, and no others",
        "an output that the model does not have is refused",
        "an output that the model does not have is refused over gRPC",
    },
    "refuses nested data": {"nested JSON data is the same request as flat data"},
    "swaps the bytes": {
        "binary outputs give the same numbers as JSON",
        "a single output comes as binary where that is asked for",
        "a batch in binary, both ways, gives the same numbers as JSON",
    },
    "ignores the header": {
        "binary inputs give the same numbers as JSON",
        "a batch in binary, both ways, gives the same numbers as JSON",
    },
    "blames itself": SPOILT_OVER_REST,
    "refuses in HTML": SPOILT_OVER_REST | UNKNOWN_OVER_REST,
    "takes any input": {
        "an input that the model does not have is refused",
        "an input that the model does not have is refused over gRPC",
        "an input of another rank is refused",
        "an input of another rank is refused over gRPC",
        "an input of another size is refused",
        "an input of another size is refused over gRPC",
    },
    "serves any model": {
        "an unknown model is refused",
        "an unknown model is answered 404",
        "the metadata of an unknown model is refused",
        "an unknown model is not ready",
        "an unknown model is not found over gRPC",
        "the metadata of an unknown model is not found over gRPC",
    },
    "serves any version": {
        "an unknown version is refused",
        "an unknown version is answered 404",
        "an unknown version is not found over gRPC",
    },
    "declares another datatype": {
        "flat JSON data is answered with the declared outputs",
        "a batch of several rows is answered with a row for each",
        "gRPC with raw contents gives the same numbers as JSON",
    },
    "has null for versions": {"the model says its name and tensors"},
    "answers the first row only": {"a batch of several rows is answered with a row for each"},
}


def failed(results: list[CheckResult]) -> set[str]:
    return {each.check.name for each in results if each.outcome is Outcome.FAILED}


def test_a_server_without_defects_passes_every_check() -> None:
    with small_server() as at:
        results = run(at.url, "small", grpc_address=at.grpc)
    assert [each for each in results if each.outcome is not Outcome.PASSED] == []
    assert conforms(results, strict=True)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_fails_the_checks_that_are_about_it_and_no_others(defect: str) -> None:
    with small_server(defect) as at:
        results = run(at.url, "small", grpc_address=at.grpc)
    assert failed(results) == DEFECTS[defect]
    assert conforms(results) == (
        defect == "blames itself"
    )  # 5xx for the client's fault is bad manners, not a violation
    assert not conforms(results, strict=True)


def test_without_a_grpc_address_only_the_checks_over_rest_are_asked() -> None:
    with small_server() as at:
        results = run(at.url, "small", "1")
    skipped = {each.check.name for each in results if each.outcome is Outcome.SKIPPED}
    assert skipped == {check.name for check in CHECKS if "gRPC" in check.name}
    assert conforms(results, strict=True)


def test_an_unknown_model_fails_what_needs_its_metadata_and_still_gives_a_whole_report() -> None:
    with small_server() as at:
        results = run(at.url, "large", grpc_address=at.grpc)
    details = {each.check.name: each.detail for each in results}
    assert len(results) == len(CHECKS)
    assert details["the model is ready"] == "GET /v2/models/large/ready answered 404: expected 200"
    assert details["the model is ready over gRPC"] == ""
    assert (
        details["the model's metadata over gRPC is that over REST"] == "gRPC answered NOT_FOUND: model large: unknown"
    )


def test_every_check_is_a_sentence_of_its_own_that_cites_its_source() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert {check.source.partition(": ")[0] for check in CHECKS} == {"REST", "gRPC", "binary"}
    assert {check.level for check in CHECKS} == set(Requirement)


def test_nothing_at_the_address_is_no_verdict() -> None:
    with small_server() as at:
        pass
    with pytest.raises(UnreachableError, match=f"^{at.url}: nothing answers HTTP: "):
        run(at.url, "small")
    with (
        small_server() as other,
        pytest.raises(UnreachableError, match=f"^{at.grpc}: nothing answers gRPC within 2 s$"),
    ):
        run(other.url, "small", grpc_address=at.grpc, timeout_s=2)


def test_the_command_prints_a_row_for_each_check_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    with small_server() as at:
        options = ["--value", "number=5.5,-1", "--value", "word=iris", "--header", "Host: small.example"]
        code = main([at.url, "--model", "small", "--grpc", at.grpc, *options])
    output = capsys.readouterr().out
    assert code == 0
    assert all(check.name in output and check.source in output for check in CHECKS)
    assert output.endswith(f"conforms: {len(CHECKS)} passed, 0 MUST failed, 0 SHOULD failed, 0 skipped\n")


def test_the_command_exits_1_on_a_violation_and_shows_what_was_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with small_server("forgets the id", "declares another datatype") as at:
        code = main([at.url, "--model", "small"])
    output = capsys.readouterr().out
    assert code == 1
    assert "id is None: expected 'conformance-42'" in output
    assert "output double is FP32 [1, 2]: expected FP64 [-1, 2]" in output
    assert "does not conform: " in output


def test_the_command_takes_recommendations_for_demands_when_strict(capsys: pytest.CaptureFixture[str]) -> None:
    with small_server("blames itself") as at:
        assert main([at.url, "--model", "small"]) == 0
        assert main([at.url, "--model", "small", "--strict"]) == 1
    assert f"{len(SPOILT_OVER_REST)} SHOULD failed" in capsys.readouterr().out


def test_the_command_exits_2_when_nothing_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with small_server() as at:
        pass
    assert main([at.url, "--model", "small"]) == 2
    assert capsys.readouterr().err.startswith(f"{at.url}: nothing answers HTTP: ")


@pytest.mark.parametrize("option", [["--value", "number"], ["--value", "=1"], ["--header", "Host"]])
def test_the_command_explains_an_option_it_cannot_read(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["http://127.0.0.1:1", "--model", "small", *option])
    assert f"{option[1]}: expected " in capsys.readouterr().err


@pytest.mark.parametrize("datatype", DTYPES)
def test_valid_tensors_are_made_up_for_every_datatype(datatype: str) -> None:
    signature = Signature("m", [TensorMetadata("x", datatype, [-1, 2, -1])], [])
    (tensor,) = synthesise(signature, 3, {})
    assert (tensor.datatype, tensor.data.shape) == (datatype, (3, 2, 1))
    assert tensor.data.dtype == DTYPES[datatype]


def test_a_model_without_free_rows_is_not_asked_for_a_batch() -> None:
    signature = Signature("m", [TensorMetadata("x", "FP32", [2])], [])
    assert synthesise(signature, 1, {"x": [7]})[0].data.tolist() == [7, 7]
    with pytest.raises(NotApplicableError, match=r"^an input's first dimension is not free$"):
        synthesise(signature, 3, {})


def test_a_signature_that_no_request_can_be_made_from_says_so() -> None:
    with pytest.raises(NotApplicableError, match=r"^the model's metadata declares no inputs"):
        synthesise(Signature("m", [], []), 1, {})
    with pytest.raises(ViolationError, match=r"^input x datatype TENSOR: expected one of BOOL, "):
        synthesise(Signature("m", [TensorMetadata("x", "TENSOR", [1])], []), 1, {})


def test_shapes_fit_where_each_size_is_free_or_the_same() -> None:
    assert fits((3, 2), [-1, 2])
    assert not fits((3, 2), [-1, 3])
    assert not fits((3, 2), [-1])


def test_numbers_are_the_same_up_to_a_float_s_last_bits() -> None:
    def tensor(datatype: str, *values: float) -> Tensor:
        return Tensor("x", datatype, np.array(values, DTYPES[datatype]))

    assert same_numbers(tensor("FP32", 1, np.nan), tensor("FP32", 1.000001, np.nan))
    assert not same_numbers(tensor("FP32", 1), tensor("FP32", 1.001))
    assert not same_numbers(tensor("INT64", 1), tensor("INT64", 2))
    assert not same_numbers(tensor("INT64", 1), tensor("INT32", 1))
