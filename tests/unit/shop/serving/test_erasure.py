"""A person is erased from the features, and no training brings anybody back."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from servekit.valkey import valkey_command
from shop.addresses import Addresses
from shop.commands import erase
from shop.commands.train import train
from shop.features.store import FILES, MANIFEST
from shop.models.erased import ERASED, ErasedError, add_erased, read_erased, without
from shop.serving.erasure import ErasureError, await_store, erase_answers, erase_features, find_person
from shop.serving.feature_set import FeatureSet
from shop.world.record import read_record
from tests.patience import until
from tests.tiny_shop import TINY, trained_once
from workbench.processes import running
from workbench.stack import TcpReady

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USER = 140  # who has paid often


@pytest.fixture
def run_dir(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """The tiny shop's record and features, to be changed."""
    trained = trained_once(tmp_path_factory)
    shutil.copytree(trained / "features", tmp_path / "features")
    (tmp_path / "world").symlink_to(trained / "world")
    return tmp_path


def rows(run_dir: Path) -> dict[str, list[bytes]]:
    features = FeatureSet(run_dir / "features")
    return {prefix: features.values(prefix) for prefix in FILES}


def test_what_nobody_else_used_is_the_persons_and_what_was_shared_is_not(run_dir: Path) -> None:
    person = find_person(USER, run_dir / "world")
    paid = read_record(run_dir / "world").payments
    assert person.payments == np.count_nonzero(paid.user == USER) > 0
    assert person.ids["u:"] == person.ids["f:"] == {USER}
    for prefix, column in (("c:", paid.card), ("d:", paid.device), ("p:", paid.ip)):
        for each in np.unique(column[paid.user == USER]).tolist():
            alone = set(paid.user[column == each].tolist()) == {USER}
            assert (each in person.ids[prefix]) == alone


def test_the_persons_rows_hold_nothing_and_nobody_elses_change(run_dir: Path) -> None:
    person, before = find_person(USER, run_dir / "world"), rows(run_dir)
    manifest = json.loads((run_dir / "features" / MANIFEST).read_text())
    generation = erase_features(run_dir, person)
    after = rows(run_dir)
    for prefix, ids in person.ids.items():
        assert all(not after[prefix][each].strip(b"\0") for each in ids)
    changed = {
        (prefix, n) for prefix in FILES for n in range(len(before[prefix])) if before[prefix][n] != after[prefix][n]
    }
    assert changed <= {(prefix, each) for prefix, ids in person.ids.items() for each in ids}
    assert ("u:", USER) in changed
    now = json.loads((run_dir / "features" / MANIFEST).read_text())
    assert now["generation"] == generation != manifest["generation"]
    assert now["as_of"] == manifest["as_of"]


def test_erasing_twice_changes_nothing(run_dir: Path) -> None:
    person = find_person(USER, run_dir / "world")
    first = erase_features(run_dir, person)
    assert erase_features(run_dir, person) == first


def test_the_list_of_the_erased_grows_and_is_read_by_prefix(tmp_path: Path) -> None:
    assert read_erased(tmp_path) == {}
    add_erased(tmp_path, {"u:": {9, 2}, "c:": {4}})
    assert add_erased(tmp_path, {"u:": {5}}) == {"u:": [2, 5, 9], "c:": [4]} == read_erased(tmp_path)
    blocks = {"u:": np.ones((6, 2), np.float32), "i:": np.ones((1, 2), np.float32)}
    kept = without(blocks, read_erased(tmp_path))
    assert kept["u:"].tolist() == [[1, 1], [1, 1], [0, 0], [1, 1], [1, 1], [0, 0]], "9 has no row"
    assert blocks["u:"].all()
    assert kept["i:"].all()


def test_a_list_that_cannot_be_read_stops_erasing_and_training(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_dir / ERASED).write_text('{"u:": [1')
    before = rows(run_dir)
    with pytest.raises(ErasedError, match=r"erased\.json: .*: restore it from a backup, it says whom nobody may know$"):
        erase_features(run_dir, find_person(USER, run_dir / "world"))
    assert rows(run_dir) == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["", "-7", "1e3", "u7", "2147483648", "\u0667"])
def test_who_is_no_user_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        erase.main(["--", text])
    assert caught.value.code == 2
    assert f"user {text!r}: expected a whole number from 0 to 2147483647" in capsys.readouterr().err


def test_without_a_record_nobody_can_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    assert erase.main(["7"]) == 1
    assert "not the record of a world" in capsys.readouterr().err
    assert not (tmp_path / ERASED).exists()


def test_the_next_training_brings_nobody_back(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    trained = trained_once(tmp_path_factory)
    shutil.copytree(trained / "world", tmp_path / "world")
    add_erased(tmp_path, {"u:": {USER}, "f:": {USER}})
    train(TINY, tmp_path)
    before, after = rows(trained), rows(tmp_path)
    assert before["u:"][USER].strip(b"\0")
    assert not after["u:"][USER].strip(b"\0")
    assert not after["f:"][USER].strip(b"\0")
    assert [n for n in range(len(before["u:"])) if before["u:"][n] != after["u:"][n]] == [USER]


def test_a_store_that_does_not_run_holds_nothing(run_dir: Path, free_ports: Callable[[int], list[int]]) -> None:
    features, cache = free_ports(2)
    addresses = Addresses(run_dir=run_dir, features_port=features, cache_port=cache)
    assert not await_store(addresses, "any", 5)
    assert erase_answers(addresses) is None


def test_a_store_that_refuses_the_login_is_not_taken_for_one_that_does_not_run(
    run_dir: Path, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    addresses = Addresses(run_dir=run_dir, features_port=port, cache_port=port)
    with running([*valkey_command(port, run_dir, durable=False), "--requirepass", "another"], {}):
        until(lambda: TcpReady(port).missing() is None, "Valkey listens")
        with pytest.raises(ErasureError, match=r"^feature store: .*authenticat.*; repeat this"):
            await_store(addresses, "any", 5)
        with pytest.raises(ErasureError, match=r"^cache: .*authenticat.*; repeat this"):
            erase_answers(addresses)


def test_features_that_cannot_be_written_are_an_error_with_a_remedy(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(run_dir))
    (run_dir / ERASED).mkdir()  # a folder where the list belongs
    assert erase.main([str(USER)]) == 1
    assert capsys.readouterr().err.endswith("Is a directory: free some space, then repeat this\n")
