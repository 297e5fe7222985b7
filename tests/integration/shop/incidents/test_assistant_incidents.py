"""The faults of the assistant beside a running level, where it can run: proven as those of the level itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assistant.weights import WeightsError, fetch_weights
from course.incidents.holder import load_fault
from tests.incident_trainee import incidents_of
from tests.integration.shop.incidents.conftest import running_level
from tests.integration.shop.incidents.proof import prove_fault
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PYTHON = ROOT / ".venvs/assistant/bin/python"
SPEED = {"slow-words": 25.0, "deaf-ears": 40.0}
"""Less than for the faults of the level itself: rules want answers to judge, and a model gives few of them a second."""
SEEN = {"slow-words": "model_check.py, has ", "deaf-ears": "answer_archive.py runs"}


@pytest.fixture(scope="module")
def level_with_assistant(shop_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A level 3 with the assistant; skips, with the reason, where that cannot run."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON}: missing: make assistant-parts makes it")
    try:
        fetch_weights()
    except WeightsError as error:
        pytest.skip(str(error))
    with running_level(shop_models, tmp_path_factory, SHOP_EXTRAS="assistant") as found:
        yield found


def test_every_incident_of_the_assistant_is_proven_here() -> None:
    assert set(SEEN) == set(incidents_of(3, "assistant"))


@pytest.mark.parametrize("incident", SEEN)
def test_a_fault_of_the_assistant_fires_its_alert_until_its_fix(level_with_assistant: Stack, incident: str) -> None:
    assert level_with_assistant
    prove_fault(incident, SEEN[incident], SPEED[incident])


@pytest.mark.parametrize("incident", SEEN)
def test_no_fault_of_the_assistant_is_planted_where_it_does_not_run(
    incident: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("SHOP_EXTRAS", "")
    assert load_fault(incident).obstacle() == (
        "level 3 runs without the assistant: run make up-3 WITH=assistant, which fetches what it needs"
    )
