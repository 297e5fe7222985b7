"""Keys that sign cards: how they are made, what they accept, and what an artefact's files do with them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servekit.artefact_folder import ArtefactError, ArtefactFolder
from servekit.signing import KeyFileError, is_signed, main, sign

if TYPE_CHECKING:
    from collections.abc import Callable

Keys = tuple[Path, Path]
CARD = json.dumps({"name": "ninth", "version": "1", "sha256": "0"}).encode()


@pytest.fixture
def files(tmp_path: Path) -> ArtefactFolder:
    return ArtefactFolder(tmp_path / "1", "make train-9", "NINTH_MODEL_DIR", name="ninth")


@pytest.fixture
def signed(files: ArtefactFolder, model_keys: Keys, monkeypatch: pytest.MonkeyPatch) -> ArtefactFolder:
    """Signed, and asked for; the private key is gone."""
    monkeypatch.setenv("NINTH_SIGN_WITH", str(model_keys[0]))
    files.write({"model.onnx": b"graph"}, CARD)
    monkeypatch.delenv("NINTH_SIGN_WITH")
    monkeypatch.setenv("NINTH_SIGNED_BY", str(model_keys[1]))
    return files


def test_a_pair_is_written_once_and_its_private_half_for_its_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "keys")]) == 0
    private, public = tmp_path / "keys/models.key", tmp_path / "keys/models.pub"
    assert private.stat().st_mode & 0o777 == 0o600
    assert f"IRIS_SIGN_WITH={private} make train-1" in capsys.readouterr().out
    before = private.read_bytes(), public.read_bytes()
    assert main([str(tmp_path / "keys")]) == 1
    assert capsys.readouterr().err == f"error: {private}: exists already: use it, or name another folder\n"
    assert (private.read_bytes(), public.read_bytes()) == before


def test_a_signature_is_of_these_bytes_and_by_that_key(tmp_path: Path, model_keys: Keys) -> None:
    assert main([str(tmp_path / "others")]) == 0
    signature = sign(CARD, model_keys[0])
    assert len(signature) == 64
    assert is_signed(CARD, signature, model_keys[1])
    assert not is_signed(CARD + b" ", signature, model_keys[1])
    assert not is_signed(CARD, signature, tmp_path / "others" / "models.pub")
    for wrong in (b"", bytes(64), signature[:-1], signature + b"0"):
        assert not is_signed(CARD, wrong, model_keys[1])


@pytest.mark.parametrize("content", [b"", b"key", None, "other half"])
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, model_keys: Keys, content: bytes | str | None) -> None:
    path = tmp_path / "given"
    uses: list[Callable[[Path], object]] = [lambda key: sign(CARD, key), lambda key: is_signed(CARD, bytes(64), key)]
    for use, other in zip(uses, reversed(model_keys), strict=True):
        if content is not None:
            path.write_bytes(other.read_bytes() if isinstance(content, str) else content)
        with pytest.raises(KeyFileError, match=rf"^{path}: .*: make model-keys writes (one|a pair)$"):
            use(path)


def test_what_is_signed_is_read(signed: ArtefactFolder) -> None:
    assert signed.card() == CARD


def test_without_keys_nothing_is_signed_or_asked_for(files: ArtefactFolder) -> None:
    files.write({}, CARD)
    assert [path.name for path in files.path.iterdir()] == ["model.json"]
    assert files.card() == CARD


def test_a_card_that_was_replaced_is_refused(signed: ArtefactFolder, model_keys: Keys) -> None:
    (signed.path / "model.json").write_bytes(CARD.replace(b'"0"', b'"1"'))
    with pytest.raises(ArtefactError) as caught:
        signed.card()
    assert str(caught.value) == (
        f"{signed.path}/model.json: not signed by the owner of NINTH_SIGNED_BY {model_keys[1]}: run make train-9 with"
        " NINTH_SIGN_WITH, or unset NINTH_SIGNED_BY"
    )


def test_a_card_without_a_signature_is_refused(signed: ArtefactFolder, model_keys: Keys) -> None:
    signed.write({}, CARD)  # by who has no key: the old signature goes
    with pytest.raises(ArtefactError) as caught:
        signed.card()
    assert str(caught.value) == (
        f"{signed.path}/model.json: not signed, but NINTH_SIGNED_BY {model_keys[1]} asks for a signature: run"
        " make train-9 with NINTH_SIGN_WITH, or unset NINTH_SIGNED_BY"
    )


def test_an_older_version_that_is_signed_does_not_take_a_newer_ones_place(
    signed: ArtefactFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = replace(signed, path=tmp_path / "2")
    shutil.copytree(signed.path, newer.path)
    with pytest.raises(ArtefactError) as caught:
        newer.card()
    assert str(caught.value) == (
        f"{newer.path}/model.json: signed for ninth, version 1: expected version 2, as its folder: the files of"
        " another version were put here: run make train-9"
    )
    with pytest.raises(ArtefactError, match="signed for ninth, version 1: expected tenth: the files of another model"):
        replace(signed, name="tenth").card()
    named = replace(signed, path=tmp_path / "model")  # says no version
    shutil.copytree(signed.path, named.path)
    assert named.card() == CARD
    for least, problem in (("2", "2 or above: serve a newer version, .*"), ("1.5", "1.5 or above: .*")):
        monkeypatch.setenv("NINTH_VERSION_MIN", least)
        with pytest.raises(ArtefactError, match=rf"version 1: expected NINTH_VERSION_MIN {problem}$"):
            named.card()
    monkeypatch.setenv("NINTH_VERSION_MIN", "1")
    assert signed.card() == named.card() == CARD


def test_a_key_that_is_missing_lets_nothing_pass(signed: ArtefactFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINTH_SIGNED_BY", "/nowhere.pub")
    monkeypatch.setenv("NINTH_SIGN_WITH", "/nowhere.key")
    missing = "No such file or directory: make model-keys writes a pair"
    with pytest.raises(ArtefactError, match=rf"^NINTH_SIGNED_BY: /nowhere\.pub: {missing}$"):
        signed.card()
    with pytest.raises(ArtefactError, match=rf"^NINTH_SIGN_WITH: /nowhere\.key: {missing}$"):
        signed.write({}, CARD)
    assert (signed.path / "model.json.sig").exists()
