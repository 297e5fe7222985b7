"""CycloneDX's own JSON schema, which its Python library carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cyclonedx.schema
import jsonschema
from referencing import Registry, Resource

__all__ = ["check_bill"]

_FOLDER = Path(cyclonedx.schema.__file__).parent / "_res"
_BESIDE = "http://cyclonedx.org/schema/"
_BILL = "bom-1.6.SNAPSHOT.schema.json"


def check_bill(document: bytes) -> None:
    """Raises `jsonschema.ValidationError` where a bill of materials is not CycloneDX 1.6."""
    schemas = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in _FOLDER.glob("*.schema.json")}
    # they refer to each other by the names of their files, beside wherever the first one is
    places = [(f"{beside}{name}", schema) for name, schema in schemas.items() for beside in ("", _BESIDE)]
    registry: Registry[Any] = Registry().with_resources([(at, Resource.from_contents(each)) for at, each in places])
    jsonschema.Draft7Validator(schemas[_BILL], registry=registry).validate(json.loads(document))
