"""Every incident of level 2 on a real level, on free ports: its alert fires, its fix repairs it, nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from course.incidents import Objective
from recommender.commands.client import main as client
from tests.incident_trainee import incidents_of, prove, same_environment
from tests.integration.recommender.patient import patient_base
from tests.integration.recommender.pipeline.conftest import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.recommender.pipeline.conftest import Running

SEEN = {
    "yesterday": "stale stock",
    "empty-shelves": "wrong items",
    "by-turns": "cpu_limiter.py has ended",
}
"""What each drill shows beside what every drill does."""
ALL = incidents_of(2)
SLOW = {"by-turns"}
"""What makes answers late, and nothing else: whether they are is measured alone."""


@pytest.fixture(scope="module")
def broken(recommender_models: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A level of its own, without a canary, from whose folder the drills run."""
    assert recommender_models
    folder = tmp_path_factory.mktemp("level")
    deployment = Path(patient_base(folder)["RECOMMENDER_DEPLOYMENT"])
    with same_environment(), running(folder, deployment) as found, pytest.MonkeyPatch.context() as patch:
        for name, value in found.environment.items():
            patch.setenv(name, value)
        patch.setenv("COLUMNS", "200")
        patch.chdir(folder)
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("incident", [pytest.param(each, marks=[pytest.mark.alone] * (each in SLOW)) for each in ALL])
def test_an_incident_breaks_its_level_until_its_fix_and_no_sooner(
    incident: str, broken: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if incident not in SLOW:  # nor need its users' answers be quick, then
        monkeypatch.setattr("interview.incidents.level_2._OBJECTIVE", Objective(ok=0.9))
    printed = prove(incident, monkeypatch, capsys).printed
    assert SEEN[incident] in printed
    assert broken.ask(196).json()["meta"]["tags"]["stock"] == "fresh"
    assert client() == 0
