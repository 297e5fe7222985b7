"""What an image consists of, as a software bill of materials: CycloneDX 1.6 (ECMA-424), read from the image itself.

Python packages come from their installed metadata, Debian's from dpkg, models from their cards. The same image gives
the same document, so it may be compared, signed and kept with the image's digest.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from email.message import Message
from typing import TYPE_CHECKING, Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from servekit.whole_file import write_whole
from workbench.images.build import OWN_MB
from workbench.licences import licence_of
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.images.build import Image
    from workbench.images.engine import ContainerEngine

__all__ = ["FOLDER", "bill_of_materials", "write_bill"]

FOLDER = ROOT / ".run" / "images"
_NAMESPACE = uuid.UUID("5d0c6b1e-3c0c-4c83-9c1d-6f2d4e1f9a55")  # ours: an image's digest in it is the document's number
_INSIDE = """
import json, pathlib
from importlib.metadata import distributions
wanted = {"Name", "Version", "License", "License-Expression", "Classifier"}
python = [[pair for pair in each.metadata.items() if pair[0] in wanted] for each in distributions()]
status = pathlib.Path("/var/lib/dpkg/status")
fields = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
          for block in (status.read_text().split("\\n\\n") if status.exists() else [])]
debian = [[each["Package"], each["Version"], each["Architecture"]] for each in fields
          if each.get("Status") == "install ok installed"]
folders = [pathlib.Path("/models"), pathlib.Path("/repository")]
cards = [json.loads(path.read_text()) for folder in folders for path in folder.rglob("model.json")]
models = [[each["name"], each["version"], each["sha256"]] for each in cards]
print(json.dumps({"python": python, "debian": debian, "models": models}))
"""


def bill_of_materials(engine: ContainerEngine, image: Image) -> bytes:
    """The document as JSON; a container of the image, without a network, says what is in it.

    Raises:
        EngineError: the image cannot be run, or has no Python.
    """
    flags = ("--rm", "--network=none", "--entrypoint=python", "--read-only")
    inside: dict[str, Any] = json.loads(
        engine.run("run", *flags, image.reference, "-I", "-c", _INSIDE).splitlines()[-1]
    )
    (seen,) = json.loads(engine.run("image", "inspect", image.reference))
    name, _, tag = image.reference.rpartition(":")
    root = Component(name=name, version=tag, type=ComponentType.CONTAINER, bom_ref=BomRef(image.reference))
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, image.id))
    bom.metadata.component, bom.metadata.timestamp = root, datetime.fromisoformat(seen["Created"][:19] + "+00:00")
    bom.metadata.properties.add(Property(name=OWN_MB, value=f"{image.own_mb:.1f}"))
    components = {
        each.bom_ref.value: each
        for each in (*_packages(inside["python"]), *_debian(inside["debian"]), *_models(inside["models"]))
    }
    bom.components.update(components.values())
    bom.register_dependency(root, components.values())
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def write_bill(engine: ContainerEngine, image: Image, folder: Path = FOLDER) -> Path:
    """Writes the image's bill of materials beside those of the others; returns the file.

    Raises:
        EngineError: the image cannot be run, or has no Python.
    """
    file = folder / f"{image.reference.rpartition(':')[0].rpartition('/')[2]}.cdx.json"
    write_whole(file, bill_of_materials(engine, image))
    return file


def _packages(installed: list[list[list[str]]]) -> Iterator[Component]:
    for headers in installed:
        metadata = Message()
        for key, value in headers:
            metadata[key] = value
        url = PackageURL("pypi", None, metadata["Name"], metadata["Version"])
        licence = LicenseFactory().make_from_string(licence_of(metadata), license_text=None)
        yield _library(url, licences=[licence])


def _debian(installed: list[list[str]]) -> Iterator[Component]:
    for name, version, architecture in installed:
        yield _library(PackageURL("deb", "debian", name, version, {"arch": architecture}))


def _library(url: PackageURL, licences: list[Any] | None = None) -> Component:
    return Component(
        name=url.name,
        version=url.version,
        purl=url,
        type=ComponentType.LIBRARY,
        bom_ref=BomRef(url.to_string()),
        licenses=licences,
    )


def _models(cards: list[list[str]]) -> Iterator[Component]:
    for name, version, sha256 in cards:
        yield Component(
            name=name,
            version=version,
            type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=BomRef(f"model:{name}@{version}#{sha256}"),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
        )
