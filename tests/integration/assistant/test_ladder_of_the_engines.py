"""The ladder with the real engines: rungs of both, and the lesson's picture drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from assistant.commands.ladder import main
from assistant.ladder.steps import SEATS, Way
from assistant.ladder.work import make_short_work
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PICTURE = ROOT / "03-advanced-multimodel-kserve/assistant/batching.svg"


@pytest.fixture
def folder(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results go there."""
    monkeypatch.setenv("ASSISTANT_MODEL", str(weights))
    (tmp_path / ".venvs").symlink_to(ROOT / ".venvs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_lessons_picture_is_what_the_engine_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--picture", "again.svg"]) == 0, capsys.readouterr().err
    fresh = (folder / "again.svg").read_text(encoding="utf-8")
    assert fresh == PICTURE.read_text(encoding="utf-8"), f"make ladder-assistant ARGS='--picture {PICTURE}' draws it"
    written = msgspec.json.decode((folder / ".run/bench/steps-assistant.json").read_bytes())
    alone, static, continuous, cut = (msgspec.convert(each, Way) for each in written["ways"])
    lengths = [each.max_tokens for each in make_short_work()]
    assert len(alone.steps) == sum(lengths)
    assert len(static.steps) == max(lengths[:SEATS]) + max(lengths[SEATS:])
    assert len(continuous.steps) < len(static.steps)
    for way in (alone, static, continuous, cut):
        computed = [sum(part.prompt for step in way.steps for part in step if part.sequence == n) for n in range(8)]
        assert computed == way.prompts


def test_a_rung_of_each_engine_is_measured_while_other_programs_have_a_core(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--rounds", "1", "--requests", "2", "--only", "two threads, one"]) == 0, capsys.readouterr().err
    rows = msgspec.json.decode((folder / ".run/bench/ladder-assistant.json").read_bytes())["rungs"]
    assert [row["engine"] for row in rows] == ["OpenVINO", "llama.cpp"]
    assert all(row["tokens_per_s"] > 0 and row["memory_mb"] > 0 for row in rows)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in printed] == ["engine", "OpenVINO", "llama.cpp"]
