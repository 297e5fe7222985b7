"""The overlays run on a bare machine too: rendered by kustomize, placed, answered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from recommender.training.golden import Golden
from tests.integration.recommender.pipeline.conftest import MODELS, PREDICTIONS
from tests.patience import until

if TYPE_CHECKING:
    import httpx

    from tests.integration.recommender.pipeline.conftest import Running


@pytest.mark.slow
def test_the_canary_answers_a_tenth_and_each_version_by_its_own_oracle(level: Running, public: httpx.Client) -> None:
    golden = Golden([MODELS / "1", MODELS / "2"])
    drawn: Counter[str] = Counter()
    for user in golden.users[:100]:
        answer = public.post(PREDICTIONS, json={"jsonData": {"user": user}}).raise_for_status()
        assert golden.check(user, 10, (), answer.content) is None
        version = answer.json()["meta"]["tags"]["version"]
        assert (version == "2") is (answer.headers["seldon-predictor"] == "canary")
        drawn[version] += 1
    assert 1 <= drawn["2"] <= 26  # 10 expected; outside of this once in 30,000 runs
    metrics = public.get("/metrics").text
    assert 'model_name="model",model_version="0.1.0",predictor_name="canary",predictor_version="2"' in metrics
    status = level.stack("status")
    assert "model-2" in status
    assert "preprocessor-2" not in status  # equal containers run once


def test_the_shadow_gets_copies_and_answers_nobody(public: httpx.Client) -> None:
    before = copies(public)
    answers = [public.post(PREDICTIONS, json={"jsonData": {"user": user}}) for user in range(1, 21)]
    assert {answer.headers["seldon-predictor"] for answer in answers} <= {"default", "canary"}

    def copied() -> bool:
        if copies(public) >= before + 20:
            return True
        public.post(PREDICTIONS, json={"jsonData": {"user": 1}})  # for a copy that a busy machine dropped
        return False

    until(copied, "20 copies answered")


def copies(client: httpx.Client) -> float:
    """How many of the shadow's copies have been answered."""
    lines = client.get("/metrics").text.splitlines()
    name = 'predictor_name="shadow",result="answered"} '
    return sum(float(line.rpartition(" ")[2]) for line in lines if name in line)
