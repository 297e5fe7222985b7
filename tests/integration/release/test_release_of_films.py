"""Level 2's release on a pipeline of its own: promoted; an algorithm that ranks worse is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.cli import main
from tests.artefacts import decisions
from tests.integration.recommender.patient import patient_base
from tests.integration.release.conftest import promise
from tests.ports import free_block
from workbench.registry import CHAMPION, read_models
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.registry import RegistrySettings

pytestmark = pytest.mark.slow

LEVEL = "02-intermediate-seldon-pipeline"


def test_the_better_algorithm_is_promoted_and_the_other_refused(
    registry: RegistrySettings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in patient_base(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("release.films.free_block", free_block)
    (ROOT / ".cache").mkdir(exist_ok=True)
    (tmp_path / ".cache").symlink_to(ROOT / ".cache")  # the data, fetched once
    held_to = ["--sla", str(promise(tmp_path, 30_000, LEVEL)), "--rate", "30", "--duration", "12"]
    assert main(["2", *held_to]) == 0
    said = capsys.readouterr().out
    assert "level 2 is not up; its next start serves it" in said
    assert "release   promoted: recommender 1 is the champion" in said
    assert main(["2", *held_to, "--algorithm", "als"]) == 1
    assert "release   refused: ndcg_at_10 0.1" in capsys.readouterr().out
    assert read_models(registry)["recommender"].aliases == {CHAMPION: 1}
    promoted, refused = decisions(registry)
    assert promoted.startswith("champion from no version to version 1: released: SLA met: ")
    assert refused.startswith("refused by gate: ndcg_at_10 ")
