"""Whole forms through the gate by real measurement; none of these tests asserts that anything is fast."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from shop.artefact import CHECK, Artefact
from shop.models.judging import CHOOSING, TEST, read_evaluation, write_evaluation
from shop.models.onnx_graph import Writer
from shop.optimize.attempt import attempt_all, choose
from shop.optimize.exams import read_exam
from shop.optimize.forms import TENSORRT, TENSORRT_HALF, Form, forms_of
from shop.optimize.gate import judge
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
    practice, exam = (read_exam(run_dir, model, period) for period in (CHOOSING, TEST))
    return attempt_all(practice, exam, content, forms or forms_of(model), rounds)


def passing(outcome: Outcome) -> Outcome:
    """The same, as if the first form had been measured to be ten times faster and nothing was lost."""
    first, *_ = outcome.attempts
    lost = {name: replace(loss, after=loss.before, at_most=0.0) for name, loss in outcome.verdict.losses.items()}
    return replace(outcome, candidate=first, verdict=judge(first.form, lost, TEN_TIMES, outcome.batch))


def test_a_bad_calibration_is_refused_with_what_it_cost(run_dir: Path) -> None:
    outcome = tried(run_dir, "ranking", Form("calibrated on a tenth", calibrated_on_a_tenth))
    loss = outcome.verdict.losses["ndcg_at_10"]
    assert not outcome.verdict.passed
    assert loss.lost > 0.01
    assert loss.at_most > loss.lost
    lines = "\n".join(verdict_lines(outcome, None))
    assert "refused" in lines
    allowed = f"{loss.at_most:.4f} at most, allowed is {0.01 * loss.before:.4f}"
    assert f"below FP32's {loss.before:.4f}, {allowed}" in lines
    assert lines.endswith("no version 2: the gate refused it")


def test_a_slower_model_is_refused_with_how_slow_it_is(run_dir: Path) -> None:
    outcome = tried(run_dir, "fraud", Form("fifty layers more", fifty_layers_more))
    (attempt,) = outcome.attempts
    assert abs(attempt.tried.losses["auc"].lost) < 1e-6
    (reason,) = attempt.tried.reasons
    assert outcome.verdict.reasons == (reason,)
    assert reason.startswith("batch 1 ")
    assert "× as fast as FP32's" in reason
    assert attempt.tried.speed_up.median < 1


def test_real_calibration_costs_next_to_nothing(run_dir: Path) -> None:
    for model in ("ranking", "fraud", "personalisation"):
        for attempt in tried(run_dir, model, rounds=1).attempts:
            assert max(loss.lost for loss in attempt.tried.losses.values()) < 0.005, (model, attempt.tried)


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
    first, second = tried(run_dir, "personalisation", rounds=1).attempts
    good = judge(first.form, first.tried.losses, TEN_TIMES, 1)
    quicker = Latencies(TEN_TIMES.baseline_us, (1.0,) * 9)
    first, second = replace(first, tried=good, latencies=TEN_TIMES), replace(second, tried=good, latencies=quicker)
    assert choose((first, second)) is first
    bad = judge(first.form, first.tried.losses, Latencies((1.0,) * 9, (2.0,) * 9), 1)
    assert choose((replace(first, tried=bad), second)) is second


def test_the_chosen_form_is_judged_on_pages_that_the_choice_has_not_seen(run_dir: Path) -> None:
    """On the pages for choosing it lost nothing; on those of the test period it does."""
    evaluation = read_evaluation(run_dir, "ranking")
    lucky = replace(evaluation, period=CHOOSING, truth={**evaluation.truth, "gains": np.zeros(len(evaluation.inputs))})
    write_evaluation(run_dir, lucky)
    outcome = tried(run_dir, "ranking", Form("calibrated on a tenth", calibrated_on_a_tenth), rounds=1)
    assert outcome.candidate.tried.losses["ndcg_at_10"].lost == 0
    assert outcome.verdict.losses["ndcg_at_10"].lost > 0.01
    assert not outcome.verdict.passed


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
    assert "at most, allowed is 0.00" in card.metrics["gate"]["reasons"][0]
    assert list(verdict_lines(bad, "calibrated on a tenth"))[-1].endswith("in spite of the gate")


def test_a_calibration_set_that_cannot_be_right_stops_before_anything_is_measured(run_dir: Path) -> None:
    exam = read_exam(run_dir, "fraud")
    spoilt = replace(exam, calibration=np.full_like(exam.calibration, np.nan))
    content = Artefact.of(run_dir / "models", "fraud", "1").onnx()
    with pytest.raises(ValueError, match="calibration set, row 0: expected finite numbers"):
        attempt_all(exam, spoilt, content, forms_of("fraud"), 1)
    assert onnx.load_from_string(content).graph.node
