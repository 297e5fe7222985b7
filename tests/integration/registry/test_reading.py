"""The registry is read without MLflow, and says what MLflow would."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.artefacts import new_artefact
from workbench.registry import (
    CHALLENGER,
    CHAMPION,
    ModelVersion,
    RegisteredModel,
    RegistryError,
    RegistrySettings,
    UnknownVersionError,
    find_model,
    read_models,
)
from workbench.registry.__main__ import main
from workbench.registry.opening import open_store
from workbench.registry.registering import register

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fill(registry: RegistrySettings, folder: Path) -> None:
    for number, name in enumerate(("iris", "iris", "o'brien's model", "iris")):
        graph = b"graph %d" % number
        register([new_artefact(folder / str(number), graph, name, parameters={"number": number})], settings=registry)


def test_the_database_is_read_as_mlflow_reads_it(tmp_path: Path, registry: RegistrySettings) -> None:
    fill(registry, tmp_path)
    store = open_store(registry)
    store.point("iris", "shadow", 2)
    store.point("iris", CHAMPION, 2)
    found = read_models(registry)
    assert found == store.models()
    assert found["iris"].aliases == {CHALLENGER: 3, CHAMPION: 2, "shadow": 2}
    assert found["iris"].version(2).aliases == (CHAMPION, "shadow")
    store.unpoint("iris", "shadow")
    assert read_models(registry) == store.models()


def test_a_version_that_was_deleted_is_gone_for_both(tmp_path: Path, registry: RegistrySettings) -> None:
    from mlflow import MlflowClient  # noqa: PLC0415 - two seconds, for this test alone

    fill(registry, tmp_path)
    MlflowClient(registry.tracking_uri, registry.tracking_uri).delete_model_version("iris", "2")
    assert list(read_models(registry)["iris"].versions) == [1, 3]
    assert read_models(registry) == open_store(registry).models()


def test_no_usage_data_is_sent_and_no_pickle_loaded(registry: RegistrySettings) -> None:
    open_store(registry)
    from mlflow.environment_variables import (  # noqa: PLC0415 - two seconds, for this test alone
        MLFLOW_ALLOW_PICKLE_DESERIALIZATION,
        MLFLOW_DISABLE_TELEMETRY,
    )

    assert MLFLOW_DISABLE_TELEMETRY.get() is True  # type: ignore[no-untyped-call]
    assert MLFLOW_ALLOW_PICKLE_DESERIALIZATION.get() is False  # type: ignore[no-untyped-call]


def test_what_is_not_registered_is_named_with_what_is(tmp_path: Path, registry: RegistrySettings) -> None:
    with pytest.raises(UnknownVersionError, match=r"model iris: expected a registered one \(none yet\)"):
        find_model(read_models(registry), "iris")
    register([new_artefact(tmp_path / "model")], settings=registry)
    models = read_models(registry)
    with pytest.raises(UnknownVersionError, match=r"model rose: expected a registered one \(iris\): make registry"):
        find_model(models, "rose")
    with pytest.raises(UnknownVersionError, match="version 7 of iris: expected one of 1: make registry"):
        find_model(models, "iris").version(7)
    assert models["iris"].alias("nobody") is None
    with pytest.raises(UnknownVersionError, match=r"registry sqlite:.*version=7.* not found"):
        open_store(registry).point("iris", CHAMPION, 7)


def test_an_alias_of_a_version_that_is_gone_is_an_error() -> None:
    model = RegisteredModel.of("iris", {CHAMPION: 2}, [ModelVersion("iris", 1, "folder:///x", 0, {})])
    with pytest.raises(UnknownVersionError, match="alias champion of iris: points to version 2, which is gone"):
        model.alias(CHAMPION)


def test_a_source_that_is_no_folder_is_an_error() -> None:
    version = ModelVersion("iris", 1, "s3://bucket/model", 0, {})
    with pytest.raises(RegistryError, match="source s3://bucket/model of iris 1: expected folder://…"):
        _ = version.folder


def no_database(path: Path) -> None:
    path.write_bytes(b"this is no database at all, and longer than a header is " * 40)


def another_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("create table something (name text)")


@pytest.mark.parametrize("damage", [no_database, another_database])
def test_a_file_that_is_no_registry_is_said_to_be_none(
    registry: RegistrySettings, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert registry.database
    damage(registry.database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    assert main([]) == 1
    assert "expected MLflow's database: move the file away and register anew" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_an_error_within_seconds(
    free_ports: Callable[[int], list[int]], registry: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(registry)  # what MLflow puts into the environment at its first import stays
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, os.environ[name])
    settings = RegistrySettings(tracking_uri=f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(RegistryError, match=r"registry http://127\.0\.0\.1:\d+: .*Connection refused"):
        read_models(settings)


def test_the_table_and_the_json_show_versions_aliases_figures_and_lineage(
    tmp_path: Path, registry: RegistrySettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    assert main([]) == 0
    assert "no model is registered yet: make train-1 registers the first" in capsys.readouterr().out
    fill(registry, tmp_path)
    assert main([]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[:4] == ["model", "version", "alias", "artefact"]
    assert [line.split()[:3] for line in table[1:3]] == [["iris", "1", "champion"], ["iris", "2", "version"]]
    assert "accuracy 0.95" in table[1]
    assert "dadadada" in table[1]
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["iris"]["aliases"] == {CHALLENGER: 3, CHAMPION: 1}
    assert json.loads(found["iris"]["versions"]["2"]["tags"]["parameters"]) == {"number": 1}
