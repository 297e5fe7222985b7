"""Training writes what live traffic is held against; the gateway's monitor takes it, and recorded traffic is quiet."""

from __future__ import annotations

import json
import logging
import shutil
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from prometheus_client import CollectorRegistry

from servekit.drift import DriftCollector, ReferenceProfile
from shop.addresses import Addresses
from shop.artefact import Artefact
from shop.commands.stack import stack
from shop.endpoints import PAYMENTS
from shop.features.fraud import Payment, build
from shop.features.store import FILES, RANKING_WIDTH
from shop.features.watched import PROFILE, WATCHED
from shop.gateway.adapters.model_monitor import ModelMonitor, open_model_monitor
from shop.gateway.domain.contracts import PaymentRequest
from shop.load.scenario import asked
from shop.load.world_traffic import WorldTraffic
from shop.models.drift_reference import one_of_each, reference
from shop.models.ranking.lists import Lists
from tests.tiny_shop import trained_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

KINDS = {"f:": "user", "c:": "card", "d:": "device", "p:": "ip"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Addresses:
    return Addresses(run_dir=trained_once(tmp_path_factory))


def payments(shop: Addresses, count: int, factor: float = 1) -> Iterator[NDArray[np.float32]]:
    """What the fraud model is given for recorded payments, of so many times their amounts."""
    entities = {prefix: np.load(shop.features_dir / FILES[prefix]) for prefix in KINDS}
    traffic, draw = WorldTraffic(shop), Random(1)
    for _ in range(count):
        request = asked(traffic.request(PAYMENTS.kind, draw))
        assert isinstance(request, PaymentRequest)
        known = [entities[prefix][getattr(request, kind)] for prefix, kind in KINDS.items()]
        yield build(Payment(request.amount * factor, request.category, request.hour), *known).reshape(1, -1)


def alarms(monitor: ModelMonitor, shop: Addresses, factor: float) -> set[str]:
    """The columns in alarm once as many payments came as a short window holds."""
    model = onnxruntime.InferenceSession(Artefact.of(shop.models_dir, "fraud", "1").onnx())
    for row in payments(shop, 500, factor):
        (scores,) = model.run(None, {"features": row})
        monitor.observe("fraud", "1", row, scores)
    short = monitor.drift["fraud", "1"].reports()[0]
    assert len(short.columns) == len(WATCHED["fraud"]) + 1
    return {alarm.feature for alarm in short.alarms}


def test_recorded_payments_are_quiet_and_payments_of_other_amounts_are_drift(shop: Addresses) -> None:
    assert alarms(open_model_monitor(shop.models_dir), shop, 1) == set()
    assert "amount" in alarms(open_model_monitor(shop.models_dir), shop, 30)


def test_the_card_vouches_for_the_reference(shop: Addresses) -> None:
    artefact = Artefact.of(shop.models_dir, "fraud", "1")
    assert json.loads(artefact.part(PROFILE))["model"] == "fraud"


def test_the_searches_of_a_world_too_small_to_tell_have_no_reference(shop: Addresses) -> None:
    features = np.zeros((49, RANKING_WIDTH), np.float32)
    assert reference("ranking", features, features[:, 0]) == {}
    assert PROFILE not in Artefact.of(shop.models_dir, "ranking", "1").card().files


def test_the_gateways_of_a_level_watch_together(
    shop: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    gateways = [each.environment for each in stack(renew=False).processes if each.name.startswith("gateway-")]
    assert [each["SHOP_DRIFT_DIR"] for each in gateways] == [str(tmp_path / "drift")] * 2
    monitor = open_model_monitor(shop.models_dir, tmp_path / "drift")
    assert [path.name.partition(".")[0] for path in (tmp_path / "drift").iterdir()] == ["drift-fraud-1"]
    assert monitor.drift


def test_of_each_search_that_found_something_one_candidate_counts() -> None:
    features = np.arange(7, dtype=np.float32).reshape(-1, 1)
    lists = Lists(features, np.zeros(7, np.int64), np.zeros(7, np.int64), np.array([0, 3, 3, 4, 7]))
    first, second, third = one_of_each(lists).ravel().tolist()
    assert first in {0, 1, 2}
    assert second == 3
    assert third in {4, 5, 6}


def test_a_reference_of_other_columns_is_not_watched_and_one_goes_by_its_folders_number(
    shop: Addresses, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, rows = shop.models_dir / "fraud" / "1" / PROFILE, np.random.default_rng(0).normal(size=(60, 1))
    for version in ("2", "3"):
        (tmp_path / "fraud" / version).mkdir(parents=True)
    shutil.copy(source, tmp_path / "fraud" / "2")
    other = ReferenceProfile.of(rows, rows, model="fraud", version="1", feature_names=["amount"])
    other.save(tmp_path / "fraud" / "3" / PROFILE)
    with caplog.at_level(logging.WARNING, "shop.gateway"):
        monitor = open_model_monitor(tmp_path)
    assert {key: drift.profile.version for key, drift in monitor.drift.items()} == {("fraud", "2"): "2"}
    assert "drift of fraud 3 is not watched: " in caplog.text
    assert "of other columns than are watched: train again" in caplog.text


def test_a_version_that_comes_while_the_gateway_runs_is_watched_and_shown(shop: Addresses, tmp_path: Path) -> None:
    monitor, registry = open_model_monitor(tmp_path), CollectorRegistry()
    registry.register(DriftCollector(monitor.drift.values()))
    (row,) = payments(shop, 1)
    monitor.observe("fraud", "6", row, row[:, :1])  # it has no reference, which is looked for once
    for version in ("6", "7"):
        (tmp_path / "fraud" / version).mkdir(parents=True)
        shutil.copy(shop.models_dir / "fraud" / "1" / PROFILE, tmp_path / "fraud" / version)
        monitor.observe("fraud", version, row, row[:, :1])
    assert list(monitor.drift) == [("fraud", "7")]
    shown = {"model": "fraud", "version": "7", "window": "short"}
    assert registry.get_sample_value("serving_drift_window_rows", shown) == 1
