"""Canaries on the real programs: Envoy shifts, the gateways answer and count, Triton computes planted versions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from servekit.audit import verify
from shop.addresses import Addresses
from shop.canary.edge import Edge
from shop.commands import canary
from shop.serving.envoy.splits import Split, read_splits
from tests.integration.shop.canary.searching import CROWDED, ROLLOUT
from tests.integration.shop.canary.toy_shop import FAULTS
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.shop.canary.searching import Searching
    from tests.integration.shop.canary.toy_shop import ToyShop

pytestmark = pytest.mark.slow


def run(shop: ToyShop, *options: str) -> int:
    return canary.main(options, shop.addresses)


def is_promoted(shop: ToyShop, version: str) -> bool:
    """Whether a rollout ends with it as stable.

    At 100 % stable has no traffic any more: a machine that is crowded from then on makes the candidate look slow. Then,
    and only then, the rollout is made again; or where it stood still for so long that nobody was answered.
    """
    for _ in range(3):
        if run(shop, *ROLLOUT, "--candidate", version) == 0:
            return True
        assert re.search(CROWDED, decisions(shop)[-1])
    return False


def decisions(shop: ToyShop) -> list[str]:
    """Of the newest command, from an audit log that is as it was written."""
    assert verify(shop.addresses.run_dir / "audit").problems == []  # the gateways' payments lie in it, too
    (path,) = (shop.addresses.run_dir / "audit").glob("canary.*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    newest = lines[-1]["request_id"]
    made = [line["decision"] for line in lines if line.get("request_id") == newest]
    # on a busy machine a stall is looked at again, which decides nothing yet
    return [decision for decision in made if "% confirming" not in decision]


def test_a_version_as_good_as_stable_is_promoted_and_its_traffic_can_be_taken_back(
    toy_shop: ToyShop, searching: Searching, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses, edge = toy_shop.addresses, Edge(toy_shop.addresses.envoy_admin_port)
    assert is_promoted(toy_shop, "2")
    assert read_splits(addresses.canary_state)["ranking"] == Split("2", "1", 0)
    assert (edge.versions("ranking"), edge.weight("ranking")) == (("2", "1"), 0)
    assert "ranking: promoted: version 2 has 100%, version 1 has 0%" in capsys.readouterr().out
    assert [each.split(":")[0] for each in decisions(toy_shop)] == ["20% advance", "100% promoted"]
    assert run(toy_shop, "ranking", "--weight", "100") == 0
    assert "ranking: 0% -> 100%: version 2 has 0%, version 1 has 100%" in capsys.readouterr().out
    assert decisions(toy_shop) == ["0% -> 100% by hand"]
    answers: list[httpx.Response] = []

    def is_let_in() -> bool:
        answer = httpx.post(
            f"http://127.0.0.1:{addresses.port}/v1/search",
            json={"user": 1, "query": {"category": 3}, "candidates": [5, 6], "k": 1},
            headers={"x-model-version": "2"},  # a client does not choose its version
        )
        answers.append(answer)
        return answer.status_code != 429  # as one of many at once may be, on a busy machine

    until(is_let_in, "let in")
    assert answers[-1].headers["x-model-version"] == "1"
    assert set(searching.versions) == {b"1", b"2"}


@pytest.mark.parametrize(("fault", "reason"), [("slow", "p99"), ("wrong order", "online quality")])
def test_a_planted_fault_is_rolled_back_for_what_it_is(
    toy_shop: ToyShop, searching: Searching, fault: str, reason: str
) -> None:
    version = str(FAULTS[fault])
    assert run(toy_shop, *ROLLOUT, "--candidate", version) == 1
    assert read_splits(toy_shop.addresses.canary_state)["ranking"] == Split("1", version, 0)
    assert Edge(toy_shop.addresses.envoy_admin_port).weight("ranking") == 0
    last = decisions(toy_shop)[-1]
    assert "% rolled back: " in last
    assert reason in last.replace("degraded", "p99"), "on a busy machine: too slow to wait for"
    assert 0 < searching.versions[version.encode()] < searching.versions[b"1"]


def test_what_is_not_proven_is_not_promoted_and_what_it_takes_is_said_first(
    toy_shop: ToyShop, searching: Searching, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(toy_shop, *ROLLOUT, "--candidate", "2", "--margin", "0.02", "--patience", "0.1") == 2
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("to prove a loss below its margin at 20%: errors 10%: ")
    assert first.endswith("; patience 6 s: a larger margin needs less")
    assert re.search(r"; online quality 2%: [\d,]+ rated answers, \d+ min; ", first)
    assert re.match(r"20% inconclusive: not proven in .* online quality: the loss may be \d", decisions(toy_shop)[-1])
    assert read_splits(toy_shop.addresses.canary_state)["ranking"] == Split("1", "2", 0)
    assert set(searching.versions) == {b"1", b"2"}


def test_what_cannot_be_shifted_is_said(toy_shop: ToyShop, capsys: pytest.CaptureFixture[str]) -> None:
    for options, problem in (
        (["rankings", "--weight", "1"], "model rankings: expected one of ranking, fraud, personalisation"),
        (["ranking", "--weight", "101"], "weight 101: expected 0 to 100 percent"),
        (["ranking", "--weight", "1", "--candidate", "1"], "candidate 1 of ranking: is the stable version"),
        (["fraud", "--weight", "1"], "version 2 of fraud: Triton has not loaded it"),
        (["ranking", "--auto"], "inconclusive"),
    ):
        assert run(toy_shop, *options) == 2
        assert problem in capsys.readouterr().out


def test_without_an_edge_the_command_says_what_to_start(
    tmp_path: Path, free_ports: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(1)
    assert canary.main(["ranking", "--weight", "0"], Addresses(run_dir=tmp_path, envoy_admin_port=port)) == 2
    assert capsys.readouterr().out.startswith(f"error: edge http://127.0.0.1:{port}: ")
