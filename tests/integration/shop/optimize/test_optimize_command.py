from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from shop.artefact import CHECK, Artefact, write_artefact
from shop.commands.optimize import main
from shop.models.onnx_graph import Writer
from shop.models.openmp import provide
from shop.optimize import openvino_runtime
from shop.optimize.attempt import marks_of
from shop.optimize.cuda import cuda_rows
from shop.optimize.exam import Teacher
from shop.optimize.exams import read_exam
from shop.optimize.forms import TENSORRT, TENSORRT_HALF
from shop.optimize.latency import session
from shop.optimize.table import measured_rows, remembered_rows
from shop.optimize.tensorrt import missing, tensorrt_rows
from tests.artefacts import new_registry
from workbench.registry import read_models

FAKES = Path(__file__).parents[3] / "unit" / "shop" / "optimize" / "fakes"


@pytest.fixture
def in_run_dir(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_RUN_DIR", str(run_dir))
    return run_dir


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one run: the figures mean nothing, the rest is as it is."""
    monkeypatch.setattr("shop.optimize.latency._BLOCK_NS", 0)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_the_command_judges_every_form_and_measures_every_runtime(
    in_run_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop.commands.optimize.missing", lambda: "no GPU")
    monkeypatch.setattr("shop.commands.optimize.cuda_rows", lambda *_: [])
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "TensorRT FP16, INT8: not measured here: no GPU" in said
    written = json.loads((in_run_dir / "optimize.json").read_text())
    assert written["hardware"]["cores"] >= 1
    assert written["tensorrt"] == "no GPU"
    for model, forms in {"ranking": ["static", "weight-only"], "personalisation": ["scores", "re-ranked"]}.items():
        figures = written["models"][model]
        assert [form["form"] for form in figures["forms"]] == forms
        assert (figures["version_2"] is not None) == (in_run_dir / "models" / model / "2").exists()
        runs_as = [row["runs_as"] for row in written["table"] if row["model"] == model]
        precisions = ["FP32", *(f"INT8 {form}" for form in forms)]
        assert runs_as == [f"{each} {where}" for where in ("ONNX Runtime", "OpenVINO") for each in precisions]
        assert all(set(row["latency_us"]) == {"1", "16", "100"} for row in written["table"])


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_quick_and_forced_run_writes_and_registers_every_version_2_and_measures_no_table(
    in_run_dir: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = new_registry(tmp_path_factory, tmp_path / "registry")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(registry.artefacts))
    assert main(["--quick", "--force"]) == 0
    written = json.loads((in_run_dir / "optimize.json").read_text())
    assert written["table"] == []
    for model in ("ranking", "fraud", "personalisation"):
        card = Artefact.of(in_run_dir / "models", model, "2").card()
        assert card.metrics["gate"] == written["models"][model]["gate"]
        assert card.metrics["made_of"] == Artefact.of(in_run_dir / "models", model, "1").card().metrics
        registered = read_models(registry)[model].version(2)
        assert json.loads(registered.tags["gate"]) == card.metrics["gate"]
        assert (registered.artefact_version, registered.tags["trained_by"]) == ("2", "make optimize-3")


def test_before_training_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    assert main(["--quick"]) == 1
    said = capsys.readouterr().err
    assert "run make train-3" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("quick")
def test_a_teacher_has_a_row_and_openvinos_answers_are_as_good(run_dir: Path) -> None:
    exam = read_exam(run_dir, "ranking")
    content = Artefact.of(run_dir / "models", "ranking", "1").onnx()
    taught = Teacher("teacher", lambda rows: rows.sum(axis=1), 123)
    rows = measured_rows(replace(exam, teacher=taught), {"FP32": content})
    assert [row.runs_as for row in rows] == ["teacher", "FP32 ONNX Runtime", "FP32 OpenVINO"]
    assert rows[0].size == 123
    assert rows[2].quality["ndcg_at_10"] == pytest.approx(rows[1].quality["ndcg_at_10"], abs=1e-4)


@pytest.mark.usefixtures("quick")
def test_a_graph_that_openvino_cannot_read_has_a_note_in_place_of_figures(run_dir: Path) -> None:
    exam = read_exam(run_dir, "ranking")
    writer = Writer()
    unknown = writer.add("SampleOp", "features", domain="com.microsoft")
    first = writer.add("Gather", unknown, writer.constant("first", np.array(0)), axis=1, output="scores")
    graph = onnx.load_from_string(Artefact.of(run_dir / "models", "ranking", "1").onnx()).graph
    assert first == "scores"
    row = measured_rows(exam, {"FP32": writer.model("unknown", graph.input, graph.output)})[1]
    assert row.latency_us == {}
    assert re.fullmatch(r"OpenVINO [\d.]+: No conversion rule found for operations: com.microsoft.SampleOp", row.note)


@pytest.mark.slow
def test_tensorrt_is_measured_by_the_file_that_the_cluster_runs(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")
    exam = read_exam(run_dir, "ranking")
    narrow = replace(exam, held_out=exam.held_out[:, :2])  # the stand-in for trtexec adds two columns
    check = json.dumps({"rows": [[1.0, 2.0], [2.0, 5.0]], "outputs": {"scores": [3.0, 7.0]}}).encode()
    card = Artefact.of(run_dir / "models", "ranking", "1").card()
    folder = run_dir / "models" / "ranking" / "2"
    write_artefact(folder, b"unused", card, {TENSORRT: b"int8", TENSORRT_HALF: b"fp16", CHECK: check})
    assert missing() is None
    rows = tensorrt_rows(narrow, Artefact(folder))
    assert [row.runs_as for row in rows] == [f"{each} TensorRT 10.13.3, NVIDIA L4" for each in ("FP16", "INT8")]
    assert all(row.latency_us == {1: 40.0, 16: 40.0, 100: 40.0} and not row.note for row in rows)


def test_an_engine_that_tensorrt_cannot_build_has_a_note_in_place_of_figures(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_FAILURE", "Error[4]: no kernel")
    folder = run_dir / "models" / "ranking" / "2"
    card = Artefact.of(run_dir / "models", "ranking", "1").card()
    write_artefact(folder, b"unused", card, {TENSORRT: b"int8", CHECK: b"{}"})
    (row,) = tensorrt_rows(read_exam(run_dir, "ranking"), Artefact(folder))
    assert row.latency_us == {}
    assert row.note == "Error[4]: no kernel"


def test_without_a_gpu_nothing_of_tensorrt_or_cuda_is_made_up(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert missing() == "no GPU"
    assert cuda_rows(read_exam(run_dir, "ranking"), b"unused", python=Path(sys.executable)) == []


def test_an_environment_for_gpus_that_was_not_made_to_its_end_is_not_used(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    exam = read_exam(run_dir, "ranking")
    assert cuda_rows(exam, b"unused", python=tmp_path / "bin/python") == []
    (tmp_path / ".synced").touch()
    assert len(cuda_rows(exam, b"unused", python=tmp_path / "bin/python")) == 1


@pytest.mark.parametrize("model", ["ranking", "personalisation"])
def test_what_runs_beside_a_gpu_gives_a_row_with_its_own_answers(
    run_dir: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")
    exam, content = read_exam(run_dir, model), Artefact.of(run_dir / "models", model, "1").onnx()
    (row,) = cuda_rows(exam, content, python=Path(sys.executable), provider="CPUExecutionProvider")
    assert row.runs_as == "FP32 ONNX Runtime CPU, NVIDIA L4"
    assert (sorted(row.latency_us), row.size, row.note) == ([1, 16, 100], len(content), "")
    assert row.quality == pytest.approx(marks_of(session(content), exam).quality)


def test_where_cuda_cannot_be_loaded_a_note_says_so_in_place_of_figures(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")
    content = Artefact.of(run_dir / "models", "ranking", "1").onnx()
    (row,) = cuda_rows(read_exam(run_dir, "ranking"), content, python=Path(sys.executable))
    assert row.latency_us == {}
    assert re.fullmatch(r"CUDAExecutionProvider: ONNX Runtime [\d.]+ was built without it", row.note)


def test_the_order_of_the_page_is_a_row_beside_the_models(run_dir: Path) -> None:
    exam, card = read_exam(run_dir, "ranking"), Artefact.of(run_dir / "models", "ranking", "1").card()
    (row,) = remembered_rows(exam, replace(card, metrics={"page_order": {"ndcg_at_10": 0.37}}))
    assert (row.runs_as, row.quality, row.latency_us) == ("page order", {"ndcg_at_10": 0.37}, {})


def test_a_teacher_that_training_did_not_leave_is_remembered_by_its_students_card(run_dir: Path) -> None:
    exam, card = read_exam(run_dir, "fraud"), Artefact.of(run_dir / "models", "fraud", "1").card()
    assert remembered_rows(exam, card) == []
    marks = {"auc": 0.91, "average_precision": 0.4, "calibration_error": 0.1}
    (row,) = remembered_rows(exam, replace(card, metrics={"teacher": marks}))
    assert row.quality == {"auc": 0.91, "average_precision": 0.4}
    assert row.latency_us == {}


def test_a_teacher_that_training_left_is_measured(run_dir: Path) -> None:
    provide()
    lightgbm = pytest.importorskip("lightgbm")
    exam = read_exam(run_dir, "fraud")
    rows, label = exam.held_out, exam.held_out[:, 0] > 0
    data = lightgbm.Dataset(rows, label=label, params={"verbosity": -1})
    booster = lightgbm.train({"objective": "binary", "num_threads": 1, "verbosity": -1}, data, num_boost_round=3)
    booster.save_model(str(run_dir / "evaluation" / "fraud.teacher.txt"))
    teacher = read_exam(run_dir, "fraud").teacher
    assert teacher is not None
    assert teacher.size > 0
    assert teacher.run(rows[:5]) == pytest.approx(booster.predict(rows[:5]))


def test_importing_openvino_does_not_bring_its_telemetry(run_dir: Path) -> None:
    openvino_runtime.compiled(Artefact.of(run_dir / "models", "ranking", "1").onnx())
    assert not [name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module]


def test_openvino_leaves_no_stack_for_signals_that_is_freed_memory(run_dir: Path) -> None:
    content = Artefact.of(run_dir / "models", "ranking", "1").onnx()
    one, other = (openvino_runtime.compiled(content) for _ in range(2))
    del one
    gc.collect()
    del other
    gc.collect()
    found = ctypes.create_string_buffer(24)  # stack_t: address, flags, size
    assert ctypes.CDLL(None).sigaltstack(None, found) == 0
    address = int.from_bytes(found.raw[:8], "little")
    maps = [line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines()]
    assert any(int(start, 16) <= address < int(end, 16) for start, end in maps)
