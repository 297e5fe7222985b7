"""The overlays run on a bare machine too: rendered by kustomize, placed, answered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from recommender.adapters.golden import Golden
from tests.integration.recommender.pipeline.conftest import LEVEL, MODELS, running, until

if TYPE_CHECKING:
    from pathlib import Path


def test_the_canary_answers_a_tenth_and_each_version_by_its_own_oracle(tmp_path: Path) -> None:
    golden = Golden(MODELS)
    with running(tmp_path, LEVEL / "deploy/overlays/canary") as level:
        drawn: Counter[str] = Counter()
        for number in range(100):
            user = golden.users[number % len(golden.users)]
            answer = level.ask(user).raise_for_status()
            assert golden.check(user, 10, (), answer.content) is None
            version = answer.json()["meta"]["tags"]["version"]
            assert (version == "2") is (answer.headers["seldon-predictor"] == "canary")
            drawn[version] += 1
        assert 1 <= drawn["2"] <= 26  # 10 expected; outside of this once in 30,000 runs
        metrics = level.client.get("/metrics").text
        assert 'model_name="model",model_version="0.1.0",predictor_name="canary",predictor_version="2"' in metrics
        status = level.stack("status")
        assert "model-2" in status
        assert "preprocessor-2" not in status  # equal containers run once


def test_the_shadow_gets_copies_and_answers_nobody(tmp_path: Path) -> None:
    with running(tmp_path, LEVEL / "deploy/overlays/shadow") as level:
        versions = {level.ask(user).json()["meta"]["tags"]["version"] for user in range(1, 21)}
        assert versions == {"1"}
        answered = 'predictor_name="shadow",result="answered"} 20.0'
        until(lambda: answered in level.client.get("/metrics").text, "20 copies answered")
