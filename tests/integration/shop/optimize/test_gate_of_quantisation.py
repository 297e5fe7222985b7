"""Whole forms through the gate by real measurement; none of these tests asserts that anything is fast."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from shop.artefact import CHECK, Artefact
from shop.optimize.attempt import attempt_all
from shop.optimize.exams import read_exam
from shop.optimize.forms import TENSORRT, TENSORRT_HALF, Form, forms_of
from shop.optimize.gate import judge
from shop.optimize.graph import Writer
from shop.optimize.latency import Latencies, session
from shop.optimize.layers import read_perceptron
from shop.optimize.report import verdict_lines
from shop.optimize.static_int8 import cpu_int8
from shop.optimize.version import write_version

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from shop.optimize.attempt import Outcome

    Rows = NDArray[np.float32]

TEN_TIMES = Latencies((100.0,) * 9, (10.0,) * 9)


def calibrated_on_a_tenth(content: bytes, calibration: Rows) -> bytes:
    """As if the calibration set were in other units: most of what real rows say is cut off."""
    return cpu_int8(content, calibration * np.float32(0.1))


def fifty_layers_more(content: bytes, calibration: Rows) -> bytes:
    """Answers as the model does, after fifty products with the unit matrix."""
    del calibration
    perceptron, writer = read_perceptron(content), Writer()
    width = len(perceptron.layers[0].weight)
    unit, tensor = writer.constant("unit", np.eye(width, dtype=np.float32)), perceptron.input
    for _ in range(50):
        tensor = writer.add("MatMul", tensor, unit)
    for number, layer in enumerate(perceptron.layers):
        weight, bias = writer.constant(f"w{number}", layer.weight), writer.constant(f"b{number}", layer.bias)
        tensor = writer.add("Gemm", tensor, weight, bias)
        tensor = writer.add("Relu", tensor) if layer.relu else tensor
    writer.add("Identity", tensor, output=perceptron.tail_input)
    graph = perceptron.model.graph
    return writer.model(graph.name, graph.input, graph.output, (perceptron.tail, graph))


def tried(run_dir: Path, model: str, *forms: Form, rounds: int = 6) -> Outcome:
    content = Artefact.of(run_dir / "models", model, "1").onnx()
    return attempt_all(read_exam(run_dir, model), content, forms or forms_of(model), rounds)


def passing(outcome: Outcome) -> Outcome:
    """The same, as if the first form had been measured to be ten times faster and nothing was lost."""
    first, *others = outcome.attempts
    verdict = judge(first.verdict.form, outcome.quality, outcome.quality, TEN_TIMES, outcome.batch)
    return replace(outcome, attempts=(replace(first, verdict=verdict), *others))


def test_a_bad_calibration_is_refused_with_what_it_cost(run_dir: Path) -> None:
    outcome = tried(run_dir, "ranking", Form("calibrated on a tenth", calibrated_on_a_tenth))
    assert outcome.chosen is None
    assert outcome.attempts[0].verdict.losses["ndcg_at_10"] > 0.01
    lines = "\n".join(verdict_lines(outcome, None))
    assert "refused" in lines
    assert f"below FP32's {outcome.quality['ndcg_at_10']:.4f}, allowed is 0.001" in lines
    assert lines.endswith("no version 2: every form was refused")


def test_a_slower_model_is_refused_with_how_slow_it_is(run_dir: Path) -> None:
    outcome = tried(run_dir, "fraud", Form("fifty layers more", fifty_layers_more))
    (attempt,) = outcome.attempts
    assert abs(attempt.verdict.losses["auc"]) < 1e-6
    (reason,) = attempt.verdict.reasons
    assert reason.startswith("batch 1 ")
    assert "× as fast as FP32's" in reason
    assert attempt.verdict.speed_up.median < 1


def test_real_calibration_costs_next_to_nothing(run_dir: Path) -> None:
    for model in ("ranking", "fraud", "personalisation"):
        for attempt in tried(run_dir, model, rounds=1).attempts:
            assert max(attempt.verdict.losses.values()) < 0.005, (model, attempt.verdict)


def test_what_passed_becomes_version_2_with_its_verdict_and_its_other_exports(run_dir: Path) -> None:
    exam, outcome = read_exam(run_dir, "ranking"), passing(tried(run_dir, "ranking", rounds=1))
    write_version(run_dir / "models", exam, outcome)
    artefact = Artefact.of(run_dir / "models", "ranking", "2")
    card = artefact.card()
    assert (card.name, card.version, card.precision, card.algorithm) == ("ranking", "2", "INT8", "made up, INT8 static")
    assert card.metrics["gate"]["passed"]
    assert card.metrics["gate"]["speed_up"]["median"] == 10
    assert artefact.onnx() == outcome.attempts[0].content
    assert set(card.files) == {TENSORRT, TENSORRT_HALF, CHECK}
    session(artefact.part(TENSORRT))
    session(artefact.part(TENSORRT_HALF))


def test_other_engines_can_be_held_against_the_floats_answers(run_dir: Path) -> None:
    exam = read_exam(run_dir, "personalisation")
    write_version(run_dir / "models", exam, passing(tried(run_dir, "personalisation", rounds=1)))
    check = json.loads(Artefact.of(run_dir / "models", "personalisation", "2").part(CHECK))
    assert np.shape(check["rows"]) == (32, 16)
    assert {name: len(values) for name, values in check["outputs"].items()} == {"items": 3200, "scores": 3200}
    assert all(isinstance(item, int) for item in check["outputs"]["items"])


def test_of_forms_that_passed_the_first_is_taken_however_their_times_fell(run_dir: Path) -> None:
    outcome = passing(tried(run_dir, "personalisation", rounds=1))
    first, second = outcome.attempts
    both = replace(outcome, attempts=(first, replace(second, verdict=first.verdict, batch_us=first.batch_us / 2)))
    assert both.chosen is first


def test_what_was_refused_leaves_no_version_2_behind_and_the_first_as_it_was(run_dir: Path) -> None:
    exam, outcome = read_exam(run_dir, "ranking"), tried(run_dir, "ranking", rounds=1)
    before = Artefact.of(run_dir / "models", "ranking", "1").onnx()
    write_version(run_dir / "models", exam, passing(outcome))
    bad = tried(run_dir, "ranking", Form("calibrated on a tenth", calibrated_on_a_tenth), rounds=1)
    assert write_version(run_dir / "models", exam, bad) is None
    assert [path.name for path in (run_dir / "models" / "ranking").iterdir()] == ["1"]
    assert Artefact.of(run_dir / "models", "ranking", "1").onnx() == before


def test_forced_it_is_written_and_its_card_says_that_it_was_refused(run_dir: Path) -> None:
    exam = read_exam(run_dir, "ranking")
    bad = tried(run_dir, "ranking", Form("calibrated on a tenth", calibrated_on_a_tenth), rounds=1)
    card = write_version(run_dir / "models", exam, bad, force=True)
    assert card is not None
    assert not card.metrics["gate"]["passed"]
    assert "allowed is 0.001" in card.metrics["gate"]["reasons"][0]
    assert list(verdict_lines(bad, "calibrated on a tenth"))[-1].endswith("in spite of the gate")


def test_a_calibration_set_that_cannot_be_right_stops_before_anything_is_measured(run_dir: Path) -> None:
    exam = read_exam(run_dir, "fraud")
    spoilt = replace(exam, calibration=np.full_like(exam.calibration, np.nan))
    content = Artefact.of(run_dir / "models", "fraud", "1").onnx()
    with pytest.raises(ValueError, match="calibration set, row 0: expected finite numbers"):
        attempt_all(spoilt, content, forms_of("fraud"), 1)
    assert onnx.load_from_string(content).graph.node
