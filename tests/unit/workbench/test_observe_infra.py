from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from workbench.manifests import build, check_policy, validate
from workbench.observe.deployment import compose_command, placed
from workbench.versions import ROOT, cluster, load_versions

INFRA = ROOT / "infra"
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGES = load_versions()["images"]
each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_an_image_is_the_one_pinned_in_versions_toml(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == IMAGES["elasticsearch" if name == "elk-setup" else name]["reference"]
    assert re.search(r":v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$", image)


@each_service
def test_a_service_listens_on_this_machine_alone(name: str) -> None:
    service = SERVICES[name]
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in service.get("ports", []))
    if service.get("network_mode") == "host":
        addresses = {"GF_SERVER_HTTP_ADDR": "127.0.0.1"}.items() <= service.get("environment", {}).items()
        assert addresses or "--web.listen-address=127.0.0.1:9090" in service["command"]


def test_a_page_in_a_browser_changes_nothing_in_what_watches() -> None:
    """Kibana wants a header of its own, and Jaeger's collector JSON: a browser asks before it sends either."""
    command = SERVICES["prometheus"]["command"]
    assert not [each for each in command if each.startswith(("--web.enable", "--web.cors"))]
    users = {"GF_AUTH_BASIC_ENABLED": "false", "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true"}
    assert users.items() <= SERVICES["grafana"]["environment"].items()
    assert "ports" not in SERVICES["elasticsearch"]


@each_service
def test_a_service_has_no_privileges_and_a_memory_limit(name: str) -> None:
    service = SERVICES[name]
    assert "privileged" not in service
    assert "pid" not in service
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])


@each_service
def test_a_service_that_stays_has_a_health_check(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) == (SERVICES[name]["restart"] != "no")


@each_service
def test_what_a_service_mounts_from_the_checkout_is_there_and_read_only(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, _, rest = mount.partition(":")
        if source.startswith("."):
            assert rest.endswith(":ro")
            assert source == "../.run" or (INFRA / source).exists()
        else:
            assert source in COMPOSE["volumes"]


@each_service
def test_a_service_waits_only_for_services_that_can_say_that_they_are_ready(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        ends = SERVICES[other]["restart"] == "no"
        assert condition["condition"] == ("service_completed_successfully" if ends else "service_healthy")


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not on PATH")
def test_docker_compose_accepts_the_file() -> None:
    command = compose_command()
    if command is None:
        pytest.skip("docker compose, or its engine, does not answer")
    done = subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_jaegers_manifests_are_valid_and_follow_the_house_rules() -> None:
    documents = build(INFRA / "jaeger")
    for minor in cluster(1).minors:
        assert validate(documents, minor) == []
    assert check_policy(documents) == []


def test_jaeger_in_the_cluster_is_the_pinned_one() -> None:
    (deployment,) = (document for document in build(INFRA / "jaeger") if document.kind == "Deployment")
    (container,) = deployment.body["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGES["jaeger"]["reference"]


def test_the_elk_manifests_are_valid_and_filebeat_alone_breaks_a_house_rule_to_read_the_nodes_logs() -> None:
    documents = build(INFRA / "elk")
    for minor in cluster(1).minors:
        assert validate(documents, minor) == []
    problems = check_policy(documents)
    assert {problem.document.name for problem in problems} == {"filebeat"}
    assert sorted(problem.path.rpartition(".")[2] for problem in problems) == ["hostPath", "hostPath", "runAsNonRoot"]


def test_the_cluster_runs_the_pinned_elk_images() -> None:
    images = {
        container["image"]
        for document in build(INFRA / "elk")
        for template in [document.body.get("spec", {}).get("template", {})]
        for container in template.get("spec", {}).get("containers", [])
    }
    assert images == {IMAGES[name]["reference"] for name in ("elasticsearch", "kibana", "filebeat")}


def test_the_set_up_script_is_bash_and_loads_what_compose_and_the_cluster_mount() -> None:
    script = INFRA / "elk" / "setup.sh"
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    loaded = set(re.findall(r"@/setup/([\w.-]+)", script.read_text()))
    mounted = {mount.split(":")[1].removeprefix("/setup/") for mount in SERVICES["elk-setup"]["volumes"]}
    (config,) = (document for document in build(INFRA / "elk") if document.name.startswith("elk-setup-"))
    assert loaded | {"setup.sh"} == mounted == set(config.body["data"])


def test_jaeger_wires_only_components_that_it_defines() -> None:
    config = yaml.safe_load((INFRA / "jaeger" / "jaeger.yaml").read_text())
    traces = config["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(traces[kind]) == set(config[kind])
    assert set(config["service"]["extensions"]) == set(config["extensions"])
    storage = config["extensions"]["jaeger_query"]["storage"]["traces"]
    assert storage in config["extensions"]["jaeger_storage"]["backends"]
    assert config["exporters"]["jaeger_storage_exporter"]["trace_storage"] == storage


def test_every_endpoint_of_jaeger_moves_with_one_variable() -> None:
    endpoints = re.findall(r"endpoint: (.*)", (INFRA / "jaeger" / "jaeger.yaml").read_text())
    assert len(endpoints) == 6
    assert all(endpoint.startswith("${env:JAEGER_LISTEN_HOST:-127.0.0.1}:") for endpoint in endpoints)


def test_the_cluster_policy_lets_in_the_namespaces_of_every_level() -> None:
    (policy,) = (document for document in build(INFRA / "jaeger") if document.kind == "NetworkPolicy")
    (rule,) = policy.body["spec"]["ingress"]
    (expression,) = rule["from"][0]["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == [cluster(level).profile for level in (1, 2, 3)]


@pytest.mark.parametrize(
    "overlay", sorted(ROOT.glob("0*-*/deploy/overlays/*")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_monitors_let_our_endpoint_label_win_over_the_operators(overlay: Path) -> None:
    monitors = [document.body["spec"] for document in build(overlay) if document.kind.endswith("Monitor")]
    scraped = [end for spec in monitors for end in (*spec.get("endpoints", []), *spec.get("podMetricsEndpoints", []))]
    assert all(end.get("honorLabels") for end in scraped), "the rules leave out probes by the label endpoint"


def test_prometheus_scrapes_the_ports_on_which_the_levels_were_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".run/1").mkdir(parents=True)
    Path(".run/1/started.json").write_text('{"url": "", "metrics": "", "scrape": {"iris-api": [8160]}}')
    settings = yaml.safe_load(placed().read_text(encoding="utf-8"))
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in settings["scrape_configs"]}
    assert targets["iris-api"] == ["127.0.0.1:8160"]
    assert targets["recommender"] == ["127.0.0.1:8200"]
    assert all(list(Path(pattern).parent.glob(Path(pattern).name)) for pattern in settings["rule_files"])
