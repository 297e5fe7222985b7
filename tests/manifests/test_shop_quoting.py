"""Level 3's chart quotes every text that it takes from its values: unquoted, a hash such as 7786e49 is a number."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from tests.shop_chart import CHART, VARIANTS, values_files
from workbench.manifests import build_chart

if TYPE_CHECKING:
    from collections.abc import Iterator

PLANTED = 7e49
SCHEMA = jsonschema.Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))


def values(name: str) -> dict[str, Any]:
    """The values of a variant, laid over the chart's own."""
    merged: dict[str, Any] = {}
    for file in (CHART / "values.yaml", *values_files(name)):
        merge(merged, yaml.safe_load(file.read_text()) or {})
    return merged


def merge(below: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            merge(below[key], value)
        else:
            below[key] = value


def texts(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the values have a text."""
    if isinstance(node, str):
        yield path
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from texts(value, (*path, key))


def planted(name: str) -> tuple[dict[str, Any], int]:
    """The values of a variant, "7e49" in place of each text that the schema lets be so; and how many those are."""
    changed, count = values(name), 0
    for path in texts(changed):
        attempt = deepcopy(changed)
        node: Any = attempt
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = "7e49"
        if SCHEMA.is_valid(attempt):
            changed, count = attempt, count + 1
    return changed, count


def numbers(node: Any, path: str = "$") -> Iterator[str]:
    """Where a document has the planted text as a number."""
    if isinstance(node, float) and node == PLANTED:
        yield path
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from numbers(value, f"{path}.{key}")


@pytest.mark.parametrize("name", VARIANTS)
def test_no_text_of_the_values_becomes_a_number(name: str) -> None:
    overrides, count = planted(name)
    assert count > 10
    documents = build_chart(CHART, values_files(name), release="shop", namespace="7e49", overrides=overrides)
    assert [f"{document}: {path}" for document in documents for path in numbers(document.body)] == []
