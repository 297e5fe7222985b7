"""``make delays-3``, in short: that it measures and says what, not how fast anything is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shop.commands.delays import main
from tests.integration.shop.serving.triton_world import write_models
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_each_model_is_measured_under_each_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("SHOP_TRITON_ENVIRONMENT", str(ROOT / ".venvs/triton"))
    write_models(tmp_path / "run" / "models")
    result = tmp_path / "delays.json"
    words = ["--delays", "0", "--rates", "60", "--seconds", "1", "--no-time-limit"]
    assert main(words, result) == 0
    measured = json.loads(result.read_bytes())["measured"]
    assert [(each["model"], each["rate_rps"] > 0) for each in measured] == [
        ("ranking", True), ("fraud", True), ("personalisation", True),
        ("ranking", False), ("fraud", False), ("personalisation", False),
    ]  # fmt: skip
    assert all(each["requests"] and each["batch"] >= 1 for each in measured)
    printed = capsys.readouterr().out
    assert "60 requests/s, open loop" in printed
    assert "as many as it can, 16 at once" in printed


def test_without_models_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    assert main([], tmp_path / "delays.json") == 1
    assert capsys.readouterr().err.endswith("run make train-3, or set SHOP_RUN_DIR\n")
