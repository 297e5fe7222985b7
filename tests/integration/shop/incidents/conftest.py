from __future__ import annotations

import shutil
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from interview.incidents.level_3 import search_of
from shop.addresses import Addresses
from shop.artefact import Artefact
from shop.commands.stack import stack
from shop.features import ranking, store
from shop.features.watched import PROFILE
from shop.load.world_traffic import WorldTraffic
from shop.models.drift_reference import reference
from tests.incident_trainee import same_environment
from tests.ports import free_block, free_ports
from workbench.stack import down, up
from workbench.stack.inspection import members
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.stack import Stack

PORTS = ("PORT", "ENVOY_ADMIN_PORT", "TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT", "FEATURES_PORT",
         "CACHE_PORT", "ASSISTANT_PORT")  # fmt: skip
ROWS = 2000


@pytest.fixture(scope="package")
def level(shop_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A level 3 of its own on the tiny shop, up for all the faults of this folder; each leaves it as it was."""
    with running_level(shop_models, tmp_path_factory) as found:
        yield found


@contextmanager
def running_level(models: Path, factory: pytest.TempPathFactory, **extra: str) -> Iterator[Stack]:
    """A level 3 on ports of its own, with these settings; it is down afterwards."""
    run_dir = factory.mktemp("incidents") / "run"
    run_dir.mkdir()
    for name in ("models", "features"):  # faults change them
        shutil.copytree(models / name, run_dir / name)
    (run_dir / "world").symlink_to(models / "world")
    settings = {f"SHOP_{name}": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    settings |= {"SHOP_RUN_DIR": str(run_dir), "SHOP_GATEWAY_PORT": str(free_block(2))}
    settings |= {"SHOP_TRITON_ENVIRONMENT": str(ROOT / ".venvs/triton"), **extra}
    with same_environment(), pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        for name in ("SHOP_API_KEYS", "SHOP_API_KEYS_FILE"):
            patch.delenv(name, raising=False)
        write_ranking_profile(Addresses())
        running = stack(renew=True)
        try:
            up(running, make_console())
            yield running
        finally:
            down(stack(renew=False), make_console())
        assert members(running.home) == []


def write_ranking_profile(addresses: Addresses) -> None:
    """Writes the reference of ranking's traffic; so small a world has too few searches for one of its own."""
    from onnxruntime import InferenceSession  # noqa: PLC0415 - only who starts a level needs it

    traffic, draw, rows = WorldTraffic(addresses), Random(5), []
    users, items = (np.load(addresses.features_dir / store.FILES[prefix]) for prefix in ("u:", "i:"))
    for _ in range(ROWS):
        search = search_of(traffic.request("search", draw))
        query = ranking.Query(search.query.category, search.query.price)
        features = ranking.build(query, users[search.user][: store.USER_WIDTH], items[search.candidates])
        rows.append(features[draw.randrange(len(features))])
    folder = addresses.models_dir / "ranking" / "1"
    session = InferenceSession(Artefact(folder).onnx(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {session.get_inputs()[0].name: np.array(rows)})
    (folder / PROFILE).write_bytes(reference("ranking", np.array(rows), scores)[PROFILE])
