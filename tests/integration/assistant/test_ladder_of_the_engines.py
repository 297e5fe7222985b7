"""The ladder with the real engines; the lesson's own test draws its picture anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from assistant.commands.ladder import main
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results go there."""
    monkeypatch.setenv("ASSISTANT_MODEL", str(weights))
    (tmp_path / ".venvs").symlink_to(ROOT / ".venvs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_rung_of_each_engine_is_measured_while_other_programs_have_a_core(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--rounds", "1", "--requests", "1", "--only", "two threads, one"]) == 0, capsys.readouterr().err
    rows = msgspec.json.decode((folder / ".run/bench/ladder-assistant.json").read_bytes())["rungs"]
    assert [row["engine"] for row in rows] == ["OpenVINO", "llama.cpp"]
    assert all(row["tokens_per_s"] > 0 and row["memory_mb"] > 0 for row in rows)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in printed] == ["engine", "OpenVINO", "llama.cpp"]
