"""Every field that a server writes is mapped in Elasticsearch's index template: nothing is stored and never found."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from ecs_logging import StdlibFormatter

from workbench.observe.events import flatten
from workbench.versions import ROOT, cluster, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ELK = ROOT / "infra" / "elk"
FILEBEAT = yaml.safe_load((ELK / "filebeat.yml").read_text())
INPUT = FILEBEAT["filebeat.inputs"][0]
DROPPED = set(FILEBEAT["processors"][1]["drop_fields"]["fields"])
ACCEPTS: dict[str, tuple[type, ...]] = {
    "keyword": (str,), "match_only_text": (str,), "date": (str,), "long": (int,), "short": (int,), "integer": (int,),
    "unsigned_long": (int,),
}  # fmt: skip
OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in (ELK / "kibana.ndjson").read_text().splitlines()]
each_object = pytest.mark.parametrize("saved", OBJECTS, ids=[each["id"] for each in OBJECTS])
TEXT, RELEASE = {"type": "string", "minLength": 1}, {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}
REFERENCE = {"type": "object", "required": ["name", "type", "id"], "additionalProperties": TEXT}
IMPORTABLE = {
    "type": "object",
    "required": ["type", "id", "attributes", "references", "coreMigrationVersion", "typeMigrationVersion"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["index-pattern", "search", "lens", "dashboard"]},
        "id": TEXT,
        "attributes": {"type": "object", "required": ["title"]},
        "references": {"type": "array", "items": REFERENCE},
        "coreMigrationVersion": RELEASE,
        "typeMigrationVersion": RELEASE,
    },
}
"""A line of Kibana's export, as ``POST /api/saved_objects/_import`` takes it."""
NESTED = ("fieldFormatMap", "panelsJSON", "optionsJSON")
"""Attributes that Kibana keeps as JSON in a text."""


def mapped(properties: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in properties.items():
        if "properties" in field:
            yield from mapped(field["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, field["type"]


TEMPLATE = json.loads((ELK / "index-template.json").read_text())
MAPPING = dict(mapped(TEMPLATE["template"]["mappings"]["properties"]))


def check(line: str) -> None:
    for name, value in flatten(json.loads(line)).items():
        if name not in DROPPED:
            assert name in MAPPING, f"{name}: the server writes it, index-template.json does not map it"
            assert isinstance(value, ACCEPTS[MAPPING[name]]), f"{name} {value!r}: mapped as {MAPPING[name]}"


def test_every_field_of_every_real_line_is_mapped_with_its_type(level_run: Path) -> None:
    lines = (level_run / "logs" / "iris-api.log").read_text().splitlines()[:-1]
    assert any("serving.request" in line for line in lines)
    assert any('"logger"' in line for line in lines)
    for line in lines:
        check(line)


def test_every_field_of_a_logged_exception_is_mapped_with_its_type() -> None:
    import logging  # noqa: PLC0415
    import sys  # noqa: PLC0415

    try:
        raise ValueError("broken")  # noqa: TRY301
    except ValueError:
        record = logging.LogRecord("iris_api", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    check(StdlibFormatter(extra={"service": {"name": "iris-api"}}).format(record))


def test_filebeat_reads_the_logs_and_takes_json_lines_alone(level_run: Path) -> None:
    (pattern,) = (
        parser["include_message.patterns"] for parser in INPUT["parsers"] if "include_message.patterns" in parser
    )
    line = (level_run / "logs" / "iris-api.log").read_text().splitlines()[0]
    assert INPUT["paths"] == ["/levels/*/logs/*.log"]
    assert re.search(pattern[0], line)
    assert not re.search(pattern[0], "Traceback (most recent call last):")


def test_in_a_cluster_filebeat_takes_only_the_json_lines_of_pods() -> None:
    pods = FILEBEAT["filebeat.inputs"][1]
    assert pods["parsers"][1:] == INPUT["parsers"]
    namespaces = [re.fullmatch(r"/var/log/containers/\*_(\w+)_\*\.log", path) for path in pods["paths"]]
    assert [match and match[1] for match in namespaces] == [cluster(level).profile for level in (1, 2, 3)]


def test_filebeat_writes_where_the_template_and_kibanas_view_look() -> None:
    index = FILEBEAT["output.elasticsearch"]["index"]
    view = json.loads((ELK / "kibana.ndjson").read_text().splitlines()[0])
    assert [f"{index.rsplit('-', 1)[0]}-*"] == TEMPLATE["index_patterns"] == [view["attributes"]["title"]]


def release(text: str) -> list[int]:
    return [int(number) for number in text.rpartition(":")[2].split(".")]


@each_object
def test_kibana_imports_each_saved_object(saved: dict[str, Any]) -> None:
    jsonschema.validate(saved, IMPORTABLE)
    attributes = saved["attributes"]
    sources = [attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]] if "kibanaSavedObjectMeta" in attributes else []
    for text in [*sources, *(attributes[name] for name in NESTED if name in attributes)]:
        assert isinstance(json.loads(text), dict | list)
    image = load_versions()["images"]["kibana"]["reference"].partition("@")[0]
    assert release(saved["coreMigrationVersion"]) <= release(image), "Kibana refuses what a newer one exported"


def test_kibanas_objects_are_there_once_and_refer_to_each_other_and_to_mapped_fields() -> None:
    seen: set[tuple[str, str]] = set()
    for each in OBJECTS:
        assert all((reference["type"], reference["id"]) in seen for reference in each["references"]), each["id"]
        assert (each["type"], each["id"]) not in seen
        seen.add((each["type"], each["id"]))
    dashboard = OBJECTS[-1]
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    names = [reference["name"] for reference in dashboard["references"]]
    assert [f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels] == names
    charts = [each["attributes"]["state"]["datasourceStates"] for each in OBJECTS if each["type"] == "lens"]
    layers = [layer for sources in charts for layer in sources["formBased"]["layers"].values()]
    assert all(sorted(layer["columnOrder"]) == sorted(layer["columns"]) for layer in layers)
    fields = {column["sourceField"] for layer in layers for column in layer["columns"].values()} - {"___records___"}
    assert fields | set(OBJECTS[1]["attributes"]["columns"]) <= set(MAPPING)
    assert len(charts) == 3


@pytest.mark.parametrize("field", ["trace.id", "http.response.status_code", "event.duration", "labels.model"])
def test_the_fields_one_searches_by_are_mapped(field: str) -> None:
    assert field in MAPPING
