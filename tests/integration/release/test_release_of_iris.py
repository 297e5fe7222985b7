"""Level 1's release on a real registry and a real canary: promoted; a worse model and a slow one are not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from iris_api.adapters.artefact import read_artefact, write_artefact
from iris_api.training.artefact import write_model
from release import iris
from release.cli import main
from tests.artefacts import decisions
from tests.integration.release.conftest import promise
from workbench.registry import CHALLENGER, CHAMPION, read_models

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.registry import RegistrySettings

pytestmark = pytest.mark.slow

RATE = ["--rate", "60", "--duration", "6"]
BUSY = 900
"""Rows and columns of two matrices whose product takes longer than the promise that it is held to."""


def released(sla: Path, *words: str, trained: Callable[[Path, float], object] = write_model) -> int:
    """The exit code of a release that is held to that promise."""
    plan = replace(iris.PLAN, steps=partial(iris.steps, trained))
    return main(["1", "--sla", str(sla), *RATE, *words], lambda _: plan)


def slow(folder: Path, c: float) -> None:
    """A model whose graph computes something large, and adds none of it to the answer."""
    card, _ = write_model(folder, c)
    content, _ = read_artefact(folder)
    graph = onnx.load_from_string(content)
    size = numpy_helper.from_array(np.array([BUSY, BUSY], np.int64), "busy_size")
    zero = numpy_helper.from_array(np.array(0, np.float32), "busy_zero")
    graph.graph.initializer.extend([size, zero])
    nodes = [
        helper.make_node("ReduceSum", ["features"], ["busy_sum"], keepdims=0),  # so that it cannot be computed at load
        helper.make_node("Mul", ["busy_sum", "busy_zero"], ["busy_nothing"]),
        helper.make_node("Expand", ["busy_nothing", "busy_size"], ["busy_matrix"]),
        helper.make_node("MatMul", ["busy_matrix", "busy_matrix"], ["busy_product"]),
        helper.make_node("ReduceSum", ["busy_product"], ["busy_total"], keepdims=0),
        helper.make_node("Add", ["features", "busy_total"], ["busy_features"]),
    ]
    for node in graph.graph.node:
        node.input[:] = ["busy_features" if name == "features" else name for name in node.input]
    for node in reversed(nodes):
        graph.graph.node.insert(0, node)
    onnx.checker.check_model(graph)
    content = graph.SerializeToString(deterministic=True)
    write_artefact(folder, content, msgspec.structs.replace(card, sha256=hashlib.sha256(content).hexdigest()))


def aliases(registry: RegistrySettings) -> dict[str, int]:
    models = read_models(registry)
    return models["iris"].aliases if models else {}


def test_the_first_release_is_promoted_and_the_same_model_is_not_released_again(
    registry: RegistrySettings, patient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert released(patient) == 0
    assert aliases(registry) == {CHAMPION: 1}
    (decision,) = decisions(registry)
    assert decision.startswith("champion from no version to version 1: released: SLA met: ")
    assert "release   promoted: iris 1 is the champion" in capsys.readouterr().out
    gate = json.loads(read_models(registry)["iris"].version(1).tags["gate"])
    assert gate["reasons"] == []
    assert released(patient) == 0
    assert "nothing to release: this very graph is the champion, iris 1, already" in capsys.readouterr().out
    assert aliases(registry) == {CHAMPION: 1}


def test_a_worse_model_stops_at_the_gate_and_the_champion_stays(
    registry: RegistrySettings, patient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert released(patient) == 0
    assert released(patient, "--c", "0.01") == 1
    said = capsys.readouterr().out
    assert "release   refused: 27 right, expected at least 29; log loss 0.673, expected at most 0.182" in said
    assert aliases(registry) == {CHAMPION: 1}
    assert list(read_models(registry)["iris"].versions) == [1], "a refused model is not registered"
    assert decisions(registry)[-1].startswith("refused by gate: 27 right, expected at least 29; ")


def test_a_slow_model_is_rolled_back_by_the_canary_and_the_champion_stays(
    registry: RegistrySettings, patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert released(patient) == 0
    assert released(promise(tmp_path, 5), "--c", "10", trained=slow) == 1
    assert "release   rolled back: SLA broken" in capsys.readouterr().out
    assert aliases(registry) == {CHAMPION: 1, CHALLENGER: 2}
    assert decisions(registry)[-1].startswith("rolled back by canary: SLA broken: ")
