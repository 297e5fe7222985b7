from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from iris_api.commands.scenario import IrisScenario
from iris_api.training.golden import Golden, write_golden
from workbench.sla import load_sla

if TYPE_CHECKING:
    from workbench.sla import Request

SLA = Path(__file__).parents[2] / "01-beginner-iris-api" / "sla.toml"
RANDOM = np.random.default_rng(5)
GOLDEN = Golden(
    RANDOM.uniform(0.1, 8.0, (150, 4)).round(1),
    RANDOM.integers(0, 3, 150),
    RANDOM.dirichlet([1, 1, 1], 150),
)


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IrisScenario:
    write_golden(tmp_path, GOLDEN)
    monkeypatch.setenv("IRIS_MODEL_DIR", str(tmp_path))
    return IrisScenario()


def answered(request: Request, labels: Any, probabilities: Any) -> bytes:
    """The answer as the API words it."""
    if not request.path.startswith("/v2"):
        rows = zip(labels.tolist(), probabilities.tolist(), strict=True)
        return json.dumps({"predictions": [{"label": a, "probabilities": b} for a, b in rows]}).encode()
    outputs = [
        {"name": "label", "datatype": "INT64", "shape": [len(labels)], "data": labels.tolist()},
        {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": [len(labels), 3],
            "data": probabilities.ravel().tolist(),
        },
    ]
    return json.dumps({"model_name": "iris", "model_version": "1", "outputs": outputs}).encode()


def test_every_kind_of_the_mix_is_supplied(scenario: IrisScenario) -> None:
    random = Random(1)
    for kind in load_sla(SLA).mix:
        request = scenario.request(kind, random)
        document = json.loads(request.body)
        flowers = len(document["inputs"][0]["data"]) // 4 if "inputs" in document else len(document)
        assert kind == "single" or 10 <= flowers <= 100


@pytest.mark.parametrize("kind", ["single", "batch", "oip"])
def test_answers_are_compared_with_scikit_learns(scenario: IrisScenario, kind: str) -> None:
    request = scenario.request(kind, Random(1))
    labels, probabilities = GOLDEN.labels[request.oracle], GOLDEN.probabilities[request.oracle]
    assert scenario.check(request, answered(request, labels, probabilities)) is None
    wrong = scenario.check(request, answered(request, (labels + 1) % 3, probabilities))
    assert wrong is not None
    assert wrong.endswith(f"scikit-learn says {labels.tolist()}")
    off = scenario.check(request, answered(request, labels, probabilities + 0.01))
    assert off == "probabilities are off by 0.01, expected at most 1e-05"


def test_flowers_are_drawn_evenly_so_that_the_load_itself_is_no_drift(scenario: IrisScenario) -> None:
    random = Random(1)
    asked = Counter(int(scenario.request("single", random).oracle[0]) for _ in range(15_000))
    assert len(asked) == 150
    assert max(asked.values()) < 2 * min(asked.values())
