"""MLflow's own server on the registry: registering and reading go through it as they go without it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.artefacts import new_artefact
from tests.ports import free_ports
from workbench.registry import CHALLENGER, CHAMPION, RegistryError, RegistrySettings, read_models, register
from workbench.registry.artefact import checked_folder
from workbench.registry.opening import open_store
from workbench.registry.server import main
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / ".venvs/mlflow/bin/mlflow").exists(), reason="no MLflow server: make registry-up installs it"
    ),
]


@pytest.fixture
def server(registry: RegistrySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RegistrySettings]:
    """The same registry, by its server."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / ".venvs").symlink_to(ROOT / ".venvs")
    monkeypatch.chdir(tmp_path / "work")
    port = free_ports(1)[0]
    monkeypatch.setenv("REGISTRY_PORT", str(port))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    try:
        assert main(["up"]) == 0
        yield RegistrySettings(tracking_uri=f"http://127.0.0.1:{port}", artefacts=registry.artefacts)
    finally:
        assert main(["down"]) == 0


def test_what_is_registered_through_the_server_is_in_the_database_and_its_page_is_there(
    server: RegistrySettings, registry: RegistrySettings, tmp_path: Path
) -> None:
    for number, graph in enumerate((b"one", b"two"), start=1):
        assert register([new_artefact(tmp_path / graph.decode(), graph)], settings=server) == [number]
    assert register([new_artefact(tmp_path / "two", b"two")], settings=server) == [2]
    open_store(server).point("iris", CHAMPION, 2)
    found = read_models(server)
    assert found == read_models(registry)
    assert found["iris"].aliases == {CHALLENGER: 2, CHAMPION: 2}
    assert checked_folder(found["iris"].version(1), "make train-1", "IRIS_MODEL_DIR").is_dir()
    page = httpx.get(server.tracking_uri)
    assert (page.status_code, "<title>MLflow</title>" in page.text) == (200, True)
    log = Path(".run/registry-server/logs/mlflow.log").read_text(encoding="utf-8").lower()
    assert "huey" not in log
    with pytest.raises(RegistryError, match="not found"):
        open_store(server).point("iris", CHAMPION, 9)
