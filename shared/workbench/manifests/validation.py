"""Strict validation of documents against the schemas of their kinds."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource

from workbench.manifests.crds import CRDS_REMEDY, CrdCatalogue, find_crds
from workbench.manifests.documents import Document, ManifestError, Problem
from workbench.manifests.structural import Schema, strict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from jsonschema.protocols import Validator

__all__ = ["is_native", "supported_versions", "validate"]

_SCHEMAS = files("kubernetes_validate") / "kubernetes-json-schema"
_DEFINITIONS = "https://kubernetes.io/api/_definitions.json"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def validate(documents: Iterable[Document], kubernetes: str = "1.36", crd_dir: Path | None = None) -> list[Problem]:
    """Every problem of the documents, as a server of that version with strict field validation would find them.

    Args:
        documents: what :func:`build` or :func:`load` gave.
        kubernetes: minor version, e.g. ``1.36``.
        crd_dir: folder of CRD files; by default what :func:`find_crds` finds. Kubernetes' own kinds need none.

    Raises:
        ManifestError: a Kubernetes version without schemas, or an unreadable CRD file.
    """
    if kubernetes not in supported_versions():
        known = ", ".join(supported_versions())
        raise ManifestError(f"Kubernetes {kubernetes}: no schemas for this version, expected one of {known}")
    folder = crd_dir if crd_dir is not None else find_crds()
    return [problem for document in documents for problem in _validate_one(document, kubernetes, folder)]


@lru_cache(maxsize=1)
def supported_versions() -> tuple[str, ...]:
    """The minor versions there are schemas for, oldest first."""
    found = {re.sub(r"^v(\d+\.\d+)\..*", r"\1", entry.name) for entry in _SCHEMAS.iterdir()}
    return tuple(sorted(found, key=lambda version: [int(part) for part in version.split(".")]))


def is_native(document: Document, kubernetes: str = "1.36") -> bool:
    """Whether Kubernetes itself knows the kind, so that it needs no operator."""
    return _native_schema(kubernetes, document.api_version, document.kind) is not None


def _validate_one(document: Document, kubernetes: str, folder: Path | None) -> Iterator[Problem]:
    for field in ("apiVersion", "kind"):
        if not isinstance(document.body.get(field), str):
            yield Problem(document, f"$.{field}", document.body.get(field), "every object needs one, a string")
            return
    if not _NAME.fullmatch(document.name):
        yield Problem(document, "$.metadata.name", document.name, "expected a lower-case DNS name")
    schema = _native_schema(kubernetes, document.api_version, document.kind)
    if schema is not None:
        yield from _nulls(document, document.body, "$")
    else:
        found = _custom_schema(document, kubernetes, folder)
        if isinstance(found, Problem):
            yield found
            return
        schema = found
    validator = _Strict(schema, registry=_registry(kubernetes))
    for error in sorted(validator.iter_errors(document.body), key=lambda error: error.json_path):
        yield from _explain(document, error)


# --- Kubernetes' own kinds -------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _native_schema(kubernetes: str, api_version: str, kind: str) -> Schema | None:
    group, _, version = api_version.rpartition("/")
    short = f"{group.split('.')[0]}-{version}" if group else version
    file = _folder(kubernetes) / f"{kind.lower()}-{short}.json"
    if "/" in kind or not file.is_file():
        return None
    schema: Schema = json.loads(file.read_text(encoding="utf-8"))
    # The file's name leaves out the group's domain: serving.knative.dev must not pass for a namesake.
    ours = {"group": group, "version": version, "kind": kind}
    return schema if ours in schema.get("x-kubernetes-group-version-kind", []) else None


@lru_cache(maxsize=16)
def _registry(kubernetes: str) -> Registry[Any]:
    definitions = json.loads((_folder(kubernetes) / "_definitions.json").read_text(encoding="utf-8"))
    quantity = definitions["$defs"]["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    quantity["x-quantity"] = True  # the published schema takes any string: 512MB, 1cpu
    registry: Registry[Any] = Registry().with_resource(_DEFINITIONS, Resource.from_contents(definitions))
    return registry


def _folder(kubernetes: str) -> Any:
    return _SCHEMAS / f"v{kubernetes}.0-local-strict"


def _nulls(document: Document, value: object, path: str) -> Iterator[Problem]:
    """Explicit nulls: the published schemas take them anywhere, a server drops the field without a word."""
    if value is None:
        yield Problem(document, path, None, "give a value or leave the field out")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _nulls(document, item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(document, item, f"{path}[{index}]")


# --- custom resources ------------------------------------------------------------------------------------------------


def _custom_schema(document: Document, kubernetes: str, folder: Path | None) -> Schema | Problem:
    if "." not in document.group:  # a CRD's group is a domain, Kubernetes' own mostly are not
        return Problem(document, "$.kind", document.kind, f"{_unknown(document, kubernetes)}")
    if folder is None:
        expectation = f"{_unknown(document, kubernetes)}; {CRDS_REMEDY}"
        return Problem(document, "$.kind", document.kind, expectation)
    definition = CrdCatalogue(folder).find(document.group, document.kind)
    if definition is None:
        return Problem(document, "$.kind", document.kind, f"{_unknown(document, kubernetes)} nor a CRD in {folder}")
    versions = {v["name"]: v for v in definition["spec"]["versions"] if v.get("served")}
    version = document.api_version.rpartition("/")[2]
    if version not in versions:
        expectation = f"{document.kind} is served as {', '.join(f'{document.group}/{name}' for name in versions)}"
        return Problem(document, "$.apiVersion", document.api_version, expectation)
    return _strict_root(folder, document.group, document.kind, version)


def _unknown(document: Document, kubernetes: str) -> str:
    return f"{document.api_version} has no such kind in Kubernetes {kubernetes}"


@lru_cache(maxsize=64)
def _strict_root(folder: Path, group: str, kind: str, version: str) -> Schema:
    definition = CrdCatalogue(folder).find(group, kind) or {}
    served = next(v for v in definition["spec"]["versions"] if v["name"] == version)
    schema = strict(served["schema"]["openAPIV3Schema"])
    # Every object has these three, declared or not, and metadata is Kubernetes' own.
    schema["properties"] = schema.get("properties", {}) | {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": f"{_DEFINITIONS}#/$defs/{_META}"},
    }
    return schema


# --- errors ----------------------------------------------------------------------------------------------------------


def _unique(validator: Validator, list_type: str, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    """``x-kubernetes-list-type``: no two items of a set are equal, no two of a map have the same keys."""
    if not validator.is_type(instance, "array") or list_type not in {"set", "map"}:
        return
    seen: list[object] = []
    for index, item in enumerate(instance):
        key = item
        if list_type == "map" and isinstance(item, dict):
            key = {name: item.get(name) for name in schema.get("x-kubernetes-list-map-keys", [])}
        if key in seen:
            yield ValidationError(f"is given twice in this list ({key!r})", path=[index], instance=item)
        seen.append(key)


def _quantity(validator: Validator, _: bool, instance: Any, __: Schema) -> Iterator[ValidationError]:  # noqa: FBT001 (jsonschema's signature)
    if validator.is_type(instance, "string") and not _QUANTITY.fullmatch(instance):
        yield ValidationError("expected a quantity such as 500m, 1.5 or 256Mi")


_Strict: type[Validator] = extend(  # type: ignore[no-untyped-call]  # jsonschema types its validators, not this
    Draft202012Validator, {"x-kubernetes-list-type": _unique, "x-quantity": _quantity}
)


def _explain(document: Document, error: ValidationError) -> Iterator[Problem]:
    path = error.json_path
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
        for name in sorted(set(error.instance) - set(known), key=str):
            near = get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield Problem(document, f"{path}.{name}", error.instance[name], f"unknown field{hint}")
    elif error.validator == "required":
        yield Problem(document, path, error.instance, f"lacks {error.message.partition(' is ')[0]}, which is required")
    else:
        yield Problem(document, path, error.instance, _expectation(error))


def _expectation(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    match error.validator:
        case "type":
            types = [name for name in (wanted if isinstance(wanted, list) else [wanted]) if name != "null"]
            return f"expected {' or '.join(types)}"
        case "enum":
            return f"expected one of {', '.join(map(str, wanted))}"
        case "pattern":
            return f"expected a string like {wanted}"
        case "anyOf" | "oneOf" if error.context:
            return " or ".join(dict.fromkeys(_expectation(inner) for inner in error.context))
        case _:
            return error.message
