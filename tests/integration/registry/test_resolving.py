"""A level serves what a reference names, whole or not at all; without a registry, what it resolved last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servekit.artefact_folder import MODEL
from tests.artefacts import new_artefact
from workbench.registry import CHAMPION, Place, RegistryError, RegistrySettings, read_models, register, resolve
from workbench.registry.opening import open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(new_artefact(tmp_path / "trained" / "1", b"one"), tmp_path / "served" / "1", "IRIS_MODEL")


def resolved(reference: str, place: Place, registry: RegistrySettings) -> tuple[bytes, list[str]]:
    lines: list[str] = []
    folder = resolve(reference, place, registry, lines.append)
    return (folder / MODEL).read_bytes(), lines


def test_an_alias_or_a_version_is_copied_to_where_no_training_writes(
    tmp_path: Path, place: Place, registry: RegistrySettings
) -> None:
    register([place.trained], settings=registry)
    register([new_artefact(tmp_path / "other", b"two")], settings=registry)
    new_artefact(place.trained.path, b"trained since")
    graph, lines = resolved("models:/iris@champion", place, registry)
    assert graph == b"one"
    assert lines == ["models:/iris@champion: iris 1 (champion), sha256 7692c3ad3540…"]
    assert resolved("models:/iris/2", place, registry)[0] == b"two"
    open_store(registry).point("iris", CHAMPION, 2)
    assert resolved("models:/iris@champion", place, registry)[0] == b"two"
    assert (place.served / MODEL).read_bytes() == b"two"


def test_a_registry_that_was_moved_with_its_folder_is_read_there(
    tmp_path: Path, place: Place, registry: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    register([place.trained], settings=registry)
    version = read_models(registry)["iris"].version(1)
    moved = registry.artefacts.rename(tmp_path / "moved")
    assert not version.folder.exists()
    monkeypatch.setenv("REGISTRY_ARTEFACTS", str(moved))
    assert version.folder == moved / "iris" / version.folder.name
    assert resolved("models:/iris@champion", place, registry)[0] == b"one"


def test_a_folder_is_served_as_it_is(tmp_path: Path, place: Place, registry: RegistrySettings) -> None:
    assert resolve(str(tmp_path / "mine"), place, registry, print) == tmp_path / "mine"


def test_without_anything_registered_what_was_trained_is_served(place: Place, registry: RegistrySettings) -> None:
    graph, lines = resolved("models:/iris@champion", place, registry)
    assert (graph, place.served.exists()) == (b"one", False)
    assert "nothing is registered: serves" in lines[0]
    assert resolved("models:/iris@champion", place, RegistrySettings(tracking_uri="off")) == (b"one", [])


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("models:/iris@nobody", "IRIS_MODEL: alias nobody of iris: expected one of its aliases: champion"),
        ("models:/iris/9", "IRIS_MODEL: version 9 of iris: expected one of 1: make registry"),
        ("models:/iris", "IRIS_MODEL: model models:/iris: expected models:/NAME@ALIAS, models:/NAME/VERSION, or a"),
    ],
)
def test_a_reference_to_nothing_is_an_error(
    place: Place, registry: RegistrySettings, reference: str, reason: str
) -> None:
    register([place.trained], settings=registry)
    with pytest.raises(RegistryError) as error:
        resolve(reference, place, registry, print)
    assert str(error.value).startswith(reason)


def test_bytes_that_were_not_registered_are_refused_and_what_is_served_stays(
    tmp_path: Path, place: Place, registry: RegistrySettings
) -> None:
    register([place.trained, new_artefact(tmp_path / "other", b"two")], settings=registry)
    resolve("models:/iris/1", place, registry, print)
    new_artefact(read_models(registry)["iris"].version(2).folder, b"smuggled in")
    with pytest.raises(RegistryError, match=r"artefact of iris 2 in .*: the files were replaced: promote another"):
        resolve("models:/iris/2", place, registry, print)
    assert (place.served / MODEL).read_bytes() == b"one"


def test_a_served_folder_that_was_damaged_is_put_right(place: Place, registry: RegistrySettings) -> None:
    register([place.trained], settings=registry)
    resolve("models:/iris@champion", place, registry, print)
    (place.served / MODEL).write_bytes(b"damaged")
    assert resolved("models:/iris@champion", place, registry)[0] == b"one"


def test_without_the_registry_what_was_resolved_last_is_served_and_said_to_be(
    place: Place, registry: RegistrySettings
) -> None:
    register([place.trained], settings=registry)
    away = RegistrySettings(tracking_uri=f"sqlite:///{registry.artefacts / 'lock'}")
    (registry.artefacts / "lock").write_bytes(b"no database, and longer than its header would be" * 100)
    graph, lines = resolved("models:/iris@champion", place, away)
    assert (graph, len(lines)) == (b"one", 2)
    assert lines[1].endswith("trained/1, the artefact that was trained last")
    resolve("models:/iris@champion", place, registry, print)
    new_artefact(place.trained.path, b"trained since")
    graph, lines = resolved("models:/iris@champion", place, away)
    assert graph == b"one"
    assert lines[1].endswith("served/1, the artefact that was resolved last")
