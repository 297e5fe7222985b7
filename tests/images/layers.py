"""In what two images differ: each layer's files with their times, rights and content."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.images import ContainerEngine

__all__ = ["differences", "layers"]

_SHOWN = 20


def layers(engine: ContainerEngine, reference: str) -> list[str]:
    """The digests of an image's layers, the base's first."""
    found: list[str] = json.loads(engine.run("image", "inspect", "--format={{json .RootFS.Layers}}", reference))
    return found


def differences(engine: ContainerEngine, one: str, other: str) -> list[str]:
    """A line for each file that differs, at most twenty; empty where the layers are equal, byte for byte."""
    if layers(engine, one) == layers(engine, other):
        return []
    with tempfile.TemporaryDirectory() as folder:
        first, second = (_files(engine, each, Path(folder) / f"{i}.tar") for i, each in enumerate((one, other)))
    lines = [
        f"layer {path[0]} {path[1]}: {first.get(path)} and {second.get(path)}"
        for path in sorted({*first, *second})
        if first.get(path) != second.get(path)
    ]
    return lines[:_SHOWN] or [f"{one} and {other}: the same files in layers that differ: their order, or their number"]


def _files(engine: ContainerEngine, reference: str, archive: Path) -> dict[tuple[int, str], str]:
    engine.run("save", f"--output={archive}", reference)
    with tarfile.open(archive) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest
        ((description),) = json.load(manifest)
        return dict(_entries(image, description))


def _entries(image: tarfile.TarFile, description: dict[str, Any]) -> Iterator[tuple[tuple[int, str], str]]:
    for number, name in enumerate(description["Layers"]):
        with tarfile.open(fileobj=image.extractfile(name)) as layer:
            for entry in layer:
                content = layer.extractfile(entry) if entry.isfile() else None
                digest = hashlib.sha256(content.read()).hexdigest()[:12] if content else entry.linkname
                yield (number, entry.name), f"{entry.mtime} {entry.mode:o} {entry.uid}:{entry.gid} {digest}"
