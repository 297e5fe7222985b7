from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from deploy.tensorrt.build_engine import (
    EngineError,
    Node,
    Profile,
    build,
    build_arguments,
    error_of,
    main,
    parse_version,
    verify,
)

FAKES = Path(__file__).parent / "fakes"

CONFIG = """\
name: "ranking"
max_batch_size: 512
input [ { name: "features" data_type: TYPE_FP32 dims: [ 2 ] } ]
output [ { name: "scores" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } } ]
model_warmup [ { name: "typical" batch_size: 100 inputs { key: "features" value: { dims: [ 2 ] zero_data: true } } } ]
"""

CHECK = {"rows": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "outputs": {"scores": [3.0, 7.0, 11.0]}}
"""Of a model that adds its two features, as the stand-in for trtexec does."""


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for trtexec and nvidia-smi on PATH."""
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one model, its engine not yet built."""
    folder = tmp_path / "repository" / "ranking"
    version = folder / "2"
    version.mkdir(parents=True)
    (folder / "config.pbtxt").write_text(CONFIG)
    (version / "model.onnx").write_bytes(b"a graph")
    (version / "check.json").write_text(json.dumps(CHECK))
    digests = {name: hashlib.sha256((version / name).read_bytes()).hexdigest() for name in ("model.onnx", "check.json")}
    card = {"precision": "INT8", "sha256": "of the CPU's graph", "files": digests}
    (version / "model.json").write_text(json.dumps(card))
    return folder.parent


@pytest.fixture
def built(repository: Path) -> Path:
    """The same with an engine, as ``build`` would have recorded it."""
    version = repository / "ranking" / "2"
    (version / "model.plan").write_bytes(b"engine of a graph")
    digests = {name: hashlib.sha256((version / f"model.{name}").read_bytes()).hexdigest() for name in ("onnx", "plan")}
    node = {"gpu": "NVIDIA L4", "compute_capability": "8.9", "driver": "550.90", "tensorrt": "10.13.3"}
    content = {**node, "onnx_sha256": digests["onnx"], "plan_sha256": digests["plan"]}
    (version / "model.plan.json").write_text(json.dumps(content))
    return repository


def record(repository: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((repository / "ranking/2/model.plan.json").read_text())
    return content


def test_an_engine_is_built_checked_measured_and_recorded(repository: Path) -> None:
    assert build(repository) == ["ranking/2: built for NVIDIA L4, TensorRT 10.13.3; error {'scores': 0.0}"]
    assert (repository / "ranking/2/model.plan").read_bytes().startswith(b"engine")
    found = record(repository)
    assert (found["gpu"], found["compute_capability"], found["tensorrt"]) == ("NVIDIA L4", "8.9", "10.13.3")
    assert found["profile"] == {"input": "features", "width": 2, "typical": 100, "most": 512}
    assert found["latency_us"] == {"1": 40.0, "16": 40.0, "100": 40.0}
    assert (repository / ".timing-8.9-10.13.3.cache").exists()
    assert sorted(path.name for path in (repository / "ranking/2").iterdir()) == [
        *["check.json", "model.json", "model.onnx", "model.plan", "model.plan.json"]
    ]


def test_what_is_there_and_fits_is_not_built_again(built: Path) -> None:
    assert build(built) == ["ranking/2: there already"]
    verify(built)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FAKE_GPU", "NVIDIA A10G, 8.6, 550.90", "built for gpu NVIDIA L4: expected NVIDIA A10G; build it here"),
        ("FAKE_TENSORRT", "110000", "built for tensorrt 10.13.3: expected 11.0.0; build it here"),
    ],
)
def test_an_engine_for_another_gpu_or_tensorrt_is_refused(
    built: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(EngineError, match=rf"model\.plan: {said}$"):
        verify(built)


def test_an_engine_for_another_gpu_is_built_anew(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_GPU", "NVIDIA A10G, 8.6, 550.90")
    assert main(["build", str(built)]) == 0
    assert capsys.readouterr().out.startswith("ranking/2: built for NVIDIA A10G")
    assert main(["verify", str(built)]) == 0


def test_an_engine_that_was_replaced_is_refused(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (built / "ranking/2/model.plan").write_bytes(b"another")
    assert main(["verify", str(built)]) == 1
    assert "not the bytes that its record vouches for" in capsys.readouterr().err


def test_an_engine_of_an_older_graph_is_refused(built: Path) -> None:
    (built / "ranking/2/model.onnx").write_bytes(b"a better graph")
    with pytest.raises(EngineError, match=r"built from another graph: expected one of the model\.onnx beside it"):
        verify(built)


def test_an_engine_that_is_missing_is_said_to_be(repository: Path) -> None:
    with pytest.raises(EngineError, match=r"expected an engine and its record: .*No such file"):
        verify(repository)


def test_an_engine_that_is_not_accurate_is_not_put_in_place(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ERROR", "2.0")
    with pytest.raises(
        EngineError, match=r"error \{'scores': 0\.35355\} against FP32 on ONNX Runtime: expected at most 0\.1$"
    ):
        build(repository)
    assert not (repository / "ranking/2/model.plan").exists()
    assert not (repository / "ranking/2/model.plan.json").exists()


def test_answers_that_are_not_numbers_are_refused(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ERROR", "nan")
    with pytest.raises(EngineError, match="expected JSON with finite numbers"):
        build(repository)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.onnx", "another graph", r"model\.onnx: expected the bytes that model\.json vouches for: publish"),
        ("check.json", json.dumps(CHECK) + " ", r"check\.json: expected the bytes that model\.json vouches for"),
        ("model.json", "{", r"model\.json: expected the version's card: Expecting"),
        ("model.json", '{"precision": "INT8"}', r"model\.onnx: expected the bytes that model\.json vouches for"),
    ],
)
def test_what_the_card_does_not_vouch_for_is_not_built(repository: Path, name: str, content: str, said: str) -> None:
    (repository / "ranking/2" / name).write_text(content)
    with pytest.raises(EngineError, match=said):
        build(repository)
    assert not (repository / "ranking/2/model.plan").exists()


def test_a_failing_build_says_what_trtexec_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAILURE", "Error[4]: INT8 is not supported")
    with pytest.raises(EngineError, match=r"(?s)exit code 1:\n.*Error\[4\]: INT8 is not supported$"):
        build(repository)


def test_without_rows_to_check_against_the_record_says_that_nothing_was_checked(repository: Path) -> None:
    (repository / "ranking/2/check.json").unlink()
    build(repository)
    assert record(repository)["accuracy"] is None


def test_without_a_gpu_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["build", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: trtexec: expected on PATH or as /usr/src/tensorrt/bin/trtexec")


def test_an_old_tensorrt_is_refused(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_TENSORRT", "8601")
    with pytest.raises(EngineError, match=r"^TensorRT 8\.6\.1: expected 10\.0\.0 or newer$"):
        build(repository)


def test_an_empty_repository_is_refused(repository: Path) -> None:
    with pytest.raises(EngineError, match=r"expected MODEL/VERSION/model\.onnx in it$"):
        build(repository / "ranking")


@pytest.mark.parametrize(
    ("banner", "version"),
    [("v8601", (8, 6, 1)), ("v100300", (10, 3, 0)), ("v101303", (10, 13, 3)), ("v110401", (11, 4, 1))],
)
def test_the_version_is_in_the_banner(banner: str, version: tuple[int, int, int]) -> None:
    assert parse_version(f"&&&& RUNNING TensorRT.trtexec [TensorRT {banner}] # trtexec --help") == version


def test_another_banner_is_refused() -> None:
    with pytest.raises(EngineError, match="expected it to begin with its version"):
        parse_version("command not found")


def test_tensorrt_10_is_told_to_keep_to_the_graphs_precision_and_11_does_so_unasked(tmp_path: Path) -> None:
    profile = Profile("features", 128, 100, 512)
    arguments = build_arguments((10, 0, 0), tmp_path / "a.onnx", tmp_path / "a.plan", profile, tmp_path / "cache")
    assert arguments[2:5] == [
        *["--minShapes=features:1x128", "--optShapes=features:100x128", "--maxShapes=features:512x128"]
    ]
    assert "--stronglyTyped" in arguments
    assert not {"--int8", "--fp16", "--calib"} & set(arguments)
    newer = build_arguments((11, 0, 0), tmp_path / "a.onnx", tmp_path / "a.plan", profile, tmp_path / "cache")
    assert set(arguments) - set(newer) == {"--stronglyTyped"}


def test_a_configuration_that_says_too_little_is_refused() -> None:
    expected = r"^config\.pbtxt: expected it to say typical, most \(a warm-up, dims, max_batch_size\)$"
    with pytest.raises(EngineError, match=expected):
        Profile.of('input [ { name: "features" data_type: TYPE_FP32 dims: [ 2 ] } ]')


def test_errors_of_scores_are_in_deviations_and_of_ids_in_shares_of_each_row() -> None:
    assert error_of([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 3) == 0
    assert error_of([-1.0, 1.0], [-1.1, 1.1], 2) == pytest.approx(0.1)
    assert error_of([1.0, 2.0], [1.0, float("nan")], 2) == float("inf")
    assert error_of([1, 2, 3, 4], [2, 1, 3, 9], 2) == 0.25
    assert error_of([1, 2, 2, 3], [1, 3, 2, 1], 2) == 0.5  # the right ids in the wrong row do not count
    with pytest.raises(EngineError, match=r"^engine's output of 1 values: expected 2$"):
        error_of([1.0, 2.0], [1.0], 2)


def test_the_version_of_a_node_compares_as_numbers() -> None:
    assert Node("NVIDIA L4", "8.9", "550", "10.13.3").version > (10, 9, 0)
