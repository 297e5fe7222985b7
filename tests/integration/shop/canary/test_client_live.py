"""The commands that ask the running level: the client with its oracle, and a canary that brings its own traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.commands import canary, client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.shop.canary.toy_shop import ToyShop

pytestmark = pytest.mark.slow


def test_the_client_shows_one_answer_of_each_kind_and_checks_many(
    toy_shop: ToyShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in toy_shop.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(client, "_OF_EACH", 20)
    assert client.main() == 0
    shown = capsys.readouterr().out
    assert "search, 20 candidates, user" in shown
    assert "payment of 9.50 approve: low_risk" in " ".join(shown.split())
    assert "60 answers (60 by version 1)" in shown
    assert shown.endswith("every answer matches ONNX Runtime's\n")


def test_the_client_says_what_to_start_where_nothing_answers(
    toy_shop: ToyShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(toy_shop.addresses.run_dir))
    monkeypatch.setenv("SHOP_PORT", "1")
    assert client.main() == 2
    assert "run make up-3, then make logs-3" in capsys.readouterr().err


def test_a_canary_can_bring_its_own_traffic_and_the_feedback_that_it_is_judged_by(
    toy_shop: ToyShop, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["ranking", "--auto", "--traffic", "60", "--steps", "50", "--min-requests", "100", "--candidate", "4"]
    assert canary.main(options, toy_shop.addresses) == 1
    assert "rolled back: online quality: a loss above " in capsys.readouterr().out
    traffic = EdgeSplit(toy_shop.addresses, Edge(toy_shop.addresses.envoy_admin_port), "ranking")
    assert (traffic.split.stable, traffic.split.weight) == ("1", 0)


def test_without_traffic_to_replay_a_canary_says_what_to_run(
    toy_shop: ToyShop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = toy_shop.addresses.model_copy(update={"run_dir": tmp_path})
    assert canary.main(["ranking", "--auto", "--traffic", "60"], elsewhere) == 2
    assert "no traffic to replay" in capsys.readouterr().out
