from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from workbench.manifests import Document, build, find_crds, validate
from workbench.observe.__main__ import main
from workbench.observe.generate import generated, write
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INFRA = ROOT / "infra"
DASHBOARDS = {file.stem: json.loads(file.read_text()) for file in (INFRA / "grafana" / "dashboards").glob("*.json")}
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def test_the_generated_files_are_what_their_sources_make() -> None:
    made = generated()
    outdated = [path.name for path, text in made.items() if path.read_text() != text]
    assert outdated == [], "`make dashboards` writes them"
    assert {path.stem for path in made if path.suffix == ".json"} == set(DASHBOARDS)


def test_generating_writes_what_is_missing_and_then_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "infra" / "prometheus" / "rules"
    rules.mkdir(parents=True)
    (rules / "a.yaml").write_text("groups: [{name: a, rules: [{record: 'a:b:c', expr: vector(1)}]}]")
    written = write(tmp_path)
    assert [path.name for path in written] == [
        "serving-overview.json",
        "level-1.json",
        "level-2.json",
        "level-3.json",
        "assistant.json",
        "objectives.yaml",
        "prometheus-rule.yaml",
    ]
    assert yaml.safe_load(written[-1].read_text())["spec"]["groups"][0]["name"] == "a"
    assert write(tmp_path) == []


def test_the_command_says_that_nothing_is_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate"]) == 0
    assert capsys.readouterr().out == "nothing to do: every generated file is up to date\n"


@each_dashboard
def test_a_dashboard_keeps_its_address_and_takes_any_prometheus(dashboard: dict[str, Any]) -> None:
    assert DASHBOARDS[dashboard["uid"]] is dashboard
    assert {panel["datasource"]["uid"] for panel in panels(dashboard)} == {"${datasource}"}


@each_dashboard
def test_panels_have_unique_ids_titles_meanings_and_fill_their_rows(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(
        panel["title"] and panel["description"].endswith(".") and panel["targets"] for panel in panels(dashboard)
    )
    filled: dict[int, int] = {}
    for panel in dashboard["panels"]:
        filled[panel["gridPos"]["y"]] = filled.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(filled.values()) == {24}


def test_every_recorded_series_a_panel_shows_is_recorded() -> None:
    rules = [yaml.safe_load(file.read_text()) for file in (INFRA / "prometheus" / "rules").glob("*.yaml")]
    recorded = {rule.get("record") for document in rules for group in document["groups"] for rule in group["rules"]}
    shown = {
        name
        for dashboard in DASHBOARDS.values()
        for panel in panels(dashboard)
        for target in panel["targets"]
        for name in re.findall(r"\b[a-z_]+:[a-z_]+:\w+", target["expr"])
    }
    assert shown
    assert shown <= recorded


def test_the_clusters_objects_are_valid_and_hold_every_dashboard_and_rule() -> None:
    documents: list[Document] = build(INFRA / "grafana") + build(INFRA / "prometheus" / "kubernetes")
    native = [document for document in documents if document.kind == "ConfigMap"]
    assert {key for document in native for key in document.body["data"]} == {f"{name}.json" for name in DASHBOARDS}
    assert {document.body["metadata"]["labels"]["grafana_dashboard"] for document in native} == {"1"}
    assert validate(native) == []
    if find_crds() is None:
        pytest.skip("no CRD schemas here: `make crds` fetches them")
    assert validate(documents) == []


def test_grafana_finds_its_dashboards_and_data_sources_where_compose_mounts_them() -> None:
    provisioning = INFRA / "grafana" / "provisioning"
    provider = yaml.safe_load((provisioning / "dashboards" / "model-serving.yaml").read_text())["providers"][0]
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert {source["uid"] for source in sources} == {"prometheus", "jaeger"}
