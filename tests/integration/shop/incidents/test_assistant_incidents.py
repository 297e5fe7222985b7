"""The faults of the assistant beside the running level, where it can run: as those of the level itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from course.incidents.holder import load_fault
from shop.addresses import Addresses
from tests.incident_trainee import incidents_of
from tests.integration.shop.incidents.proof import prove_fault

if TYPE_CHECKING:
    from workbench.stack import Stack

pytestmark = pytest.mark.slow

SPEED = 40.0
"""Less than for the level's own: in the seven seconds of a rule there must be some answers of a language model."""
SEEN = {"slow-words": "model_check.py, has ", "deaf-ears": "answer_archive.py runs"}


def test_every_incident_of_the_assistant_is_proven_here() -> None:
    assert set(SEEN) == set(incidents_of(3, "assistant"))


@pytest.mark.parametrize("incident", SEEN)
def test_a_fault_of_the_assistant_fires_its_alert_until_its_fix(
    level: Stack, missing_assistant: str, incident: str
) -> None:
    assert level
    if missing_assistant:
        pytest.skip(missing_assistant)
    prove_fault(incident, SEEN[incident], SPEED)


def test_no_fault_of_the_assistant_is_planted_where_it_does_not_run(
    level: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert level
    monkeypatch.setenv("SHOP_EXTRAS", "")
    assert Addresses().extras == ""
    assert load_fault("deaf-ears").obstacle() == (
        "level 3 runs without the assistant: run make up-3 WITH=assistant, which fetches what it needs"
    )
