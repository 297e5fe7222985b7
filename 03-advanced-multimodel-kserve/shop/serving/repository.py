"""``python -m shop.serving.repository``: Triton's model repository, generated from the artefacts.

The same artefacts and the same settings give the repository of the embedded runtime (Python backend, ONNX Runtime in
it) and those of the cluster's images (Triton's own ONNX Runtime or TensorRT backend)::

    python -m shop.serving.repository --backend tensorrt --out DIR
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from servekit.artefact_folder import CARD, MODEL
from servekit.whole_file import write_whole
from shop.addresses import Addresses
from shop.artefact import CHECK, Artefact, ArtefactError
from shop.endpoints import MODELS
from shop.serving.model_config import Backend, render
from shop.serving.settings import TritonSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["add_version", "main", "remove_version", "versions", "write_model", "write_repository"]

_CODE = Path(__file__).with_name("triton_model.py")
_TENSORRT = "model.tensorrt.onnx"


def write_repository(
    models_dir: Path, repository: Path, backend: Backend = Backend.PYTHON, *, shards: int = 0
) -> list[str]:
    """Writes a folder for each model under `models_dir`, and for each of so many shards; returns their names.

    Raises:
        ArtefactError: a model has no version, or a version is not what its card vouches for, or cannot be cut.
    """
    sources = [models_dir / name for name in MODELS]
    for source in sources:
        write_model(source, repository, backend)
    if shards:
        from shop.serving.shards import write_shards  # noqa: PLC0415 - only who cuts needs the ONNX library

        cut = write_shards(models_dir / "personalisation", repository.with_name("shards"), shards)
        for source in cut:
            write_model(source, repository, backend, derived=True)
        sources += cut
    names = [source.name for source in sources]
    for stale in {path.name for path in repository.iterdir()} - set(names):
        shutil.rmtree(repository / stale)
    return names


def write_model(source: Path, repository: Path, backend: Backend = Backend.PYTHON, *, derived: bool = False) -> None:
    """Writes every version of the model in `source`, and its configuration; versions that are gone go here, too.

    Args:
        source: the artefacts of its versions.
        repository: where to.
        backend: for whom.
        derived: this process made the artefacts; nobody signed them.

    Raises:
        ArtefactError: there is no version, or one is not what its card vouches for.
    """
    found = versions(source)
    if not found:
        raise ArtefactError(f"{source}: no version of a model in it: run make train-3, or set SHOP_RUN_DIR")
    target = repository / source.name
    for version in found:
        _write_version(Artefact(source / str(version), derived), target / str(version), backend)
    for stale in set(versions(target)) - set(found):
        shutil.rmtree(target / str(stale))
    _configure(target, backend)


def add_version(source: Path, version: int, repository: Path) -> None:
    """Adds one version to a model of the embedded runtime's repository; a running Triton sees it when told to load.

    Raises:
        ArtefactError: the version is not what its card vouches for.
    """
    target = repository / source.name
    _write_version(Artefact(source / str(version)), target / str(version), Backend.PYTHON)
    _configure(target, Backend.PYTHON)


def remove_version(name: str, version: int, repository: Path) -> None:
    """Takes one version of a model out of the embedded runtime's repository.

    Raises:
        ArtefactError: it is not there, or is the last one.
    """
    target = repository / name
    found = versions(target)
    if version not in found:
        raise ArtefactError(f"version {version} of {name}: expected one of {', '.join(map(str, found))}")
    if len(found) == 1:
        raise ArtefactError(f"version {version} of {name}: it is the last one; unload the model instead")
    shutil.rmtree(target / str(version))
    _configure(target, Backend.PYTHON)


def versions(folder: Path) -> list[int]:
    """The versions of a model in a folder of artefacts or in a repository; a run that did not finish is none."""
    return sorted(int(path.parent.name) for path in folder.glob(f"*/{CARD}") if path.parent.name.isdigit())


def _write_version(artefact: Artefact, target: Path, backend: Backend) -> None:
    """Writes a version; its card comes last, so that a folder without one is a copy that did not finish."""
    files = {MODEL: artefact.onnx()}
    if backend is Backend.PYTHON:
        files["model.py"] = _CODE.read_bytes()
    elif backend is Backend.TENSORRT and _TENSORRT in artefact.card().files:
        # what the engine is built from, on the node that serves it; model.plan then lies beside it
        files = {MODEL: artefact.part(_TENSORRT)}
        if CHECK in artefact.card().files:  # by which the engine is judged before it is put in place
            files[CHECK] = artefact.part(CHECK)
    target.mkdir(parents=True, exist_ok=True)
    for name, content in {**files, CARD: (artefact.folder / CARD).read_bytes()}.items():
        _replace(target / name, content)


def _configure(target: Path, backend: Backend) -> None:
    found = versions(target)
    card = Artefact(target / str(found[-1]), derived=True).card()
    _replace(target / "config.pbtxt", render(target.name, card, found, backend).encode())


def _replace(path: Path, content: bytes) -> None:
    """Writes a file that a running server may read: it sees the old bytes or the new ones; the same ones stay as is."""
    if not path.exists() or path.read_bytes() != content:
        write_whole(path, content)


def main(argv: Sequence[str] | None = None) -> int:
    """Writes a repository and says what is in it; returns the exit code."""
    addresses = Addresses()
    parser = argparse.ArgumentParser(prog="python -m shop.serving.repository", description=__doc__.split("\n")[0])
    parser.add_argument("--backend", type=Backend, choices=list(Backend), default=Backend.PYTHON)
    parser.add_argument("--models", type=Path, default=addresses.models_dir, help="the artefacts (%(default)s)")
    parser.add_argument("--out", type=Path, default=addresses.run_dir / "triton" / "repository", help="%(default)s")
    shards = TritonSettings().shards
    parser.add_argument("--shards", type=int, default=shards, help="slices of the catalogue (%(default)s)")
    options = parser.parse_args(argv)
    try:
        names = write_repository(options.models, options.out, options.backend, shards=options.shards)
    except ArtefactError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    for name in names:
        sys.stdout.write(f"{name}: {options.backend}, versions {', '.join(map(str, versions(options.out / name)))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
