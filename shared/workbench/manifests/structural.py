"""CRD schemas made strict: what the API server would silently drop becomes an error.

A CRD's ``openAPIV3Schema`` is a *structural schema*: OpenAPI 3.0 with ``x-kubernetes-*`` extensions, where a field that
no ``properties`` names is pruned unless the schema says to keep it. This turns one into a JSON Schema (2020-12) that
refuses such a field.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["strict"]

Schema = dict[str, Any]

_JUNCTORS = ("allOf", "anyOf", "oneOf")  # these only constrain values: fields are declared outside of them
_EMBEDDED: Schema = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


def strict(schema: Schema) -> Schema:
    """A strict JSON Schema for a structural schema; the input is left as it is."""
    result = _values(schema)
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        result.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if "items" in schema:
        result["items"] = strict(schema["items"])
    if schema.get("type") == "object":
        result |= _fields(schema)
    elif schema.get("x-kubernetes-preserve-unknown-fields") and "properties" in schema:
        result["properties"] = {name: strict(field) for name, field in schema["properties"].items()}
    return result


def _fields(schema: Schema) -> Schema:
    """The two keywords that say which fields an object may have."""
    fields = {name: strict(field) for name, field in schema.get("properties", {}).items()}
    if schema.get("x-kubernetes-embedded-resource"):
        fields = _EMBEDDED | fields
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return {"properties": fields, "additionalProperties": True}
    others = schema.get("additionalProperties", False)
    return {"properties": fields, "additionalProperties": strict(others) if isinstance(others, dict) else others}


def _values(schema: Schema) -> Schema:
    """The keywords that constrain a value, from OpenAPI's dialect to JSON Schema's."""
    result = {k: v for k, v in schema.items() if k not in {"properties", "additionalProperties", "items", "pattern"}}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if result.pop(exclusive, False) is True:  # a flag beside the bound, in OpenAPI 3.0
            result[exclusive] = result.pop(bound)
    if pattern := _python_pattern(schema.get("pattern")):
        result["pattern"] = pattern
    for junctor in _JUNCTORS:
        if junctor in schema:
            result[junctor] = [_branch(branch) for branch in schema[junctor]]
    if "not" in schema:
        result["not"] = _branch(schema["not"])
    if schema.get("nullable"):
        result = {"anyOf": [{"type": "null"}, result]} if "enum" in result else _nullable(result)
    return result


def _nullable(result: Schema) -> Schema:
    return result | ({"type": [result["type"], "null"]} if "type" in result else {})


def _branch(schema: Schema) -> Schema:
    """A schema below a junctor: as it is, but for the dialect."""
    result = _values(schema)
    if "properties" in schema:
        result["properties"] = {name: _branch(field) for name, field in schema["properties"].items()}
    if "items" in schema:
        result["items"] = _branch(schema["items"])
    return result


def _python_pattern(pattern: str | None) -> str | None:
    """Go's regular expression as Python's; None when Python has no such syntax (the API server still checks it)."""
    if pattern is None:
        return None
    pattern = re.sub(r"(?<!\\)\$(?=\Z|[)|])", r"\\Z", pattern.replace(r"\z", r"\Z"))  # Go's $ is the very end
    if "(?i)" in pattern:  # Go takes this flag anywhere, Python only at the start
        pattern = "(?i)" + pattern.replace("(?i)", "")
    try:
        re.compile(pattern)
    except re.error:
        return None
    return pattern
