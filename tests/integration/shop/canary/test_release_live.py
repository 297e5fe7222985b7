"""The canary step of a release on the real level: promoted or rolled back on live traffic, under its own number."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from release.live_canary import _running, canary
from release.step import Place, StepError
from servekit.artefact_folder import CARD
from shop.addresses import Addresses
from shop.canary.edge import Edge
from shop.serving.envoy.splits import Split, read_splits
from tests.integration.shop.canary.searching import CROWDED, ROLLOUT
from tests.integration.shop.canary.toy_shop import FAULTS
from workbench.registry.artefact import put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.shop.canary.searching import Searching
    from tests.integration.shop.canary.toy_shop import ToyShop

pytestmark = pytest.mark.slow


@pytest.fixture
def here(toy_shop: ToyShop, monkeypatch: pytest.MonkeyPatch) -> ToyShop:
    """The toy shop, as commands find it."""
    for name, value in toy_shop.environment.items():
        monkeypatch.setenv(name, value)
    return toy_shop


def place(shop: ToyShop, folder: Path, fault: str, number: int) -> Place:
    """What the step sees: that planted version, registered under another number."""
    planted, registered = shop.addresses.models_dir / "ranking" / str(FAULTS[fault]), folder / "registered"
    put(planted, registered)
    own = folder / "canary"
    own.mkdir(parents=True)
    parameters = SimpleNamespace(model="ranking", canary=ROLLOUT[2:])
    figures = {"register": {"version": number, "folder": str(registered)}}
    return Place(own, parameters, {}, figures, lambda _: None)


def test_a_release_as_good_as_stable_is_promoted_under_its_number(
    here: ToyShop, searching: Searching, tmp_path: Path
) -> None:
    for number in (7, 9, 10):  # a machine that is crowded at 100 % makes a candidate look slow: see `is_promoted`
        folder = tmp_path / str(number)
        verdict = canary(place(here, folder, "as stable", number))
        if verdict.result == "passed":
            break
        assert re.search(CROWDED, (folder / "canary" / "canary.log").read_text())
    assert verdict.summary == f"ranking: promoted: version {number} has 100%, version 1 has 0%"
    assert read_splits(here.addresses.canary_state)["ranking"] == Split(str(number), "1", 0)
    again = canary(place(here, tmp_path / "again", "as stable", number))
    assert again.summary == f"version {number} has all traffic already"
    with pytest.raises(StepError, match=f"serves another graph as version {number}"):
        canary(place(here, tmp_path / "other", "slow", number))
    assert searching.versions[str(number).encode()] > 0


def test_a_slow_release_is_rolled_back(here: ToyShop, searching: Searching, tmp_path: Path) -> None:
    verdict = canary(place(here, tmp_path, "slow", 8))
    assert verdict.result == "failed", (tmp_path / "canary" / "canary.log").read_text()
    assert verdict.summary.startswith("ranking: rolled back: ")
    assert Edge(here.addresses.envoy_admin_port).weight("ranking") == 0
    assert read_splits(here.addresses.canary_state)["ranking"].stable == "1"
    assert json.loads((here.addresses.models_dir / "ranking" / "8" / CARD).read_bytes())["name"] == "ranking"
    assert searching.versions[b"8"] > 0


def test_a_level_that_runs_and_is_not_ready_is_waited_for_and_left_running(
    free_ports: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with nobody_is_well(port):
        assert said_to_the_stack(port, monkeypatch, tmp_path) == ["up"]


def test_a_level_that_does_not_run_is_started_and_stopped_again(
    free_ports: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert said_to_the_stack(free_ports(1)[0], monkeypatch, tmp_path) == ["up", "down"]


def said_to_the_stack(port: int, monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("release.live_canary.called", lambda _place, _module, verb: said.append(verb))
    with _running(Place(folder, SimpleNamespace(), {}, {}, lambda _: None), Addresses(port=port)):
        assert said == ["up"]
    return said


@contextmanager
def nobody_is_well(port: int) -> Iterator[None]:
    """A server that answers, and is never ready."""
    with ThreadingHTTPServer(("127.0.0.1", port), Unwell) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Unwell(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None: ...
