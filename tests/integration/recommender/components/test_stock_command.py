"""The command behind make stock-2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recommender.commands import stock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.recommender.components.conftest import Server


@pytest.fixture(autouse=True)
def settings(valkey: Server, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOMMENDER_VALKEY_PORT", str(valkey.port))
    monkeypatch.setenv("RECOMMENDER_MODELS_DIR", str(models))
    monkeypatch.setenv("RECOMMENDER_LOGINS_DIR", str(valkey.folder / "nowhere"))


def test_the_stock_command_marks_items_out_of_stock_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert stock.main(["--out", "50 172"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "out of stock    50  Star Wars (1977)",
        "out of stock   172  Empire Strikes Back, The (1980)",
    ]
    assert stock.main(["--in", "50", "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "in stock        50  Star Wars (1977)",
        "out of stock   172  Empire Strikes Back, The (1980)",
        "1 of 1682 items are out of stock",
    ]


def test_without_options_the_stock_command_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert stock.main([]) == 0
    assert capsys.readouterr().out == "0 of 1682 items are out of stock\n"


def test_an_unknown_item_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert stock.main(["--out", "50,99999"]) == 1
    assert capsys.readouterr().err == "item 99999: unknown: expected an item of the catalogue\n"


def test_without_an_inventory_the_stock_command_says_what_to_do(
    valkey: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    valkey.stop()
    assert stock.main(["--list"]) == 1
    assert capsys.readouterr().err.endswith("start it with make up-2\n")


def test_without_models_the_stock_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOMMENDER_MODELS_DIR", str(tmp_path))
    assert stock.main([]) == 1
    assert "run make train-2" in capsys.readouterr().err
