"""Kibana's saved objects as code: a data view of the logs, a search, three charts and the dashboard that holds them.

The form is that of Kibana's own export (one object a line), which ``POST /api/saved_objects/_import`` takes.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["saved_objects"]

_VIEW = "logs-serving"
_CORE = "8.8.0"  # the version of the format that every Kibana since 8.8 migrates from
_FAILED = "http.response.status_code >= 500"
_COLUMNS = ["http.route", "http.response.status_code", "event.duration", "labels.model", "labels.version", "trace.id"]
_NANOSECONDS = {
    "id": "duration",
    "params": {"inputFormat": "nanoseconds", "outputFormat": "asMilliseconds", "outputPrecision": 1},
}
_OPTIONS = {
    "useMargins": True,
    "syncColors": False,
    "syncCursor": True,
    "syncTooltips": False,
    "hidePanelTitles": False,
}

Json = dict[str, Any]


def saved_objects() -> str:
    """All objects, one JSON object a line, each after those it refers to."""
    count = _column("Requests", "count", "___records___")
    p99 = _column("p99", "percentile", "event.duration", percentile=99)
    charts = [
        _chart("requests-by-route", "Requests by route", "bar_stacked", count, "http.route"),
        _chart("requests-by-status", "Requests by status", "bar_stacked", count, "http.response.status_code"),
        _chart("duration-by-route", "Duration by route, p99", "line", p99, "http.route"),
    ]
    objects = [_view(), _search(), *charts]
    return "".join(json.dumps(each, sort_keys=True) + "\n" for each in [*objects, _dashboard([*charts, _search()])])


def _saved(kind: str, identity: str, version: str, attributes: Json, references: list[Json]) -> Json:
    return {
        "type": kind,
        "id": identity,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": _CORE,
        "typeMigrationVersion": version,
    }


def _view() -> Json:
    formats = json.dumps({"event.duration": _NANOSECONDS})
    attributes = {
        "title": f"{_VIEW}-*",
        "name": "Serving logs",
        "timeFieldName": "@timestamp",
        "fieldFormatMap": formats,
    }
    return _saved("index-pattern", _VIEW, "8.0.0", attributes, [])


def _search() -> Json:
    reference = "kibanaSavedObjectMeta.searchSourceJSON.index"
    attributes = {
        "title": "Failed requests",
        "description": "Each with its trace: make trace-N ARGS='--id …' draws it.",
        "columns": _COLUMNS,
        "sort": [["@timestamp", "desc"]],
        "kibanaSavedObjectMeta": {"searchSourceJSON": _source(_FAILED, indexRefName=reference)},
    }
    return _saved("search", "failed-requests", "10.5.0", attributes, [_to_view(reference)])


def _chart(identity: str, title: str, series: str, value: Json, split_by: str) -> Json:
    """A Lens chart over time: `value` on the y axis, a series for each of the ten most frequent of `split_by`."""
    time = _column("@timestamp", "date_histogram", "@timestamp", interval="auto", includeEmptyRows=True)
    split = _column(split_by, "terms", split_by, size=10, orderBy={"type": "alphabetical"}, orderDirection="asc")
    layer = {"columnOrder": ["split", "time", "value"], "columns": {"split": split, "time": time, "value": value}}
    shown = {
        "layerId": "layer", "layerType": "data", "seriesType": series,
        "xAccessor": "time", "splitAccessor": "split", "accessors": ["value"],
    }  # fmt: skip
    state = {
        "datasourceStates": {"formBased": {"layers": {"layer": layer}}},
        "visualization": {
            "legend": {"isVisible": True, "position": "right"},
            "preferredSeriesType": series,
            "layers": [shown],
        },
        "query": {"query": "event.dataset : serving.request", "language": "kuery"},
        "filters": [],
    }
    attributes = {"title": title, "visualizationType": "lnsXY", "state": state}
    return _saved("lens", identity, "8.9.0", attributes, [_to_view("indexpattern-datasource-layer-layer")])


_TYPES = {"date_histogram": "date", "terms": "string", "count": "number", "percentile": "number"}


def _column(label: str, operation: str, field: str, **params: Any) -> Json:
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number" if field == "http.response.status_code" else _TYPES[operation],
        "operationType": operation,
        "sourceField": field,
        "isBucketed": operation in {"date_histogram", "terms"},
        "params": params,
    }


def _dashboard(panels: list[Json]) -> Json:
    placed, references = [], []
    for number, panel in enumerate(panels):
        at = {"x": 24 * (number % 2), "y": 15 * (number // 2), "w": 24, "h": 15, "i": str(number)}
        name = f"panel_{number}"
        placed.append(
            {
                "type": panel["type"], "gridData": at, "panelIndex": str(number),
                "embeddableConfig": {"enhancements": {}}, "panelRefName": name,
            }
        )  # fmt: skip
        references.append({"name": f"{number}:{name}", "type": panel["type"], "id": panel["id"]})
    attributes = {
        "title": "Serving logs",
        "description": "What was asked, how it ended, how long it took, and what failed.",
        "panelsJSON": json.dumps(placed),
        "optionsJSON": json.dumps(_OPTIONS),
        "timeRestore": True,
        "timeFrom": "now-30m",
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 10_000},
        "kibanaSavedObjectMeta": {"searchSourceJSON": _source("")},
    }
    return _saved("dashboard", "serving-logs", "10.2.0", attributes, references)


def _source(query: str, **more: str) -> str:
    return json.dumps({"query": {"query": query, "language": "kuery"}, "filter": [], **more})


def _to_view(name: str) -> Json:
    return {"name": name, "type": "index-pattern", "id": _VIEW}
