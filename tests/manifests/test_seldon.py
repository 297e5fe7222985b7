"""Level 2's SeldonDeployment: strictly valid, every overlay what it says, and mistakes refused by name."""

from __future__ import annotations

import re
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from graph_router.adapters.deployment_yaml import read_deployment
from recommender.commands.operator import find_deployment, place
from recommender.settings import RecommenderSettings
from tests.manifests.conftest import built
from tests.manifests.traffic import Pod, passes
from workbench.manifests import Document, build, check_policy, validate
from workbench.versions import ROOT, cluster, load_versions

if TYPE_CHECKING:
    from pathlib import Path

    from graph_router.domain.graph import Deployment

DEPLOY = ROOT / "02-intermediate-seldon-pipeline" / "deploy"
OVERLAYS = [
    "autoscale", "canary", "canary-gateway", "minikube", "monitoring", "password", "shadow", "shadow-gateway", "signed",
    "tracing",
]  # fmt: skip
KUBERNETES = cluster(2).minors[0]


def seldon(overlay: str) -> dict[str, Any]:
    """The overlay's deployment, to be changed at will: what is built once is everybody's."""
    return deepcopy(find_deployment([document.body for document in built(DEPLOY / "overlays" / overlay)]))


def placed(overlay: str) -> Deployment:
    return read_deployment(place(seldon(overlay), RecommenderSettings()).document)


def containers(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        container
        for predictor in document["spec"]["predictors"]
        for component in predictor["componentSpecs"]
        for container in component["spec"]["containers"]
    ]


@pytest.mark.parametrize("named", OVERLAYS)
def test_the_pods_of_the_seldon_deployment_keep_the_house_rules(named: str) -> None:
    documents = built(DEPLOY / "overlays" / named)
    accounts = [document for document in documents if document.kind == "ServiceAccount"]
    found = [
        str(problem)
        for predictor in find_deployment([each.body for each in documents])["spec"]["predictors"]
        for component in predictor["componentSpecs"]
        for problem in check_policy([as_deployment(component), *accounts])
    ]
    assert found == []


def as_deployment(component: dict[str, Any]) -> Document:
    """What the operator makes of a component: a Deployment whose containers have their ports."""
    spec = {**component["spec"]}
    ports = [{"name": "http", "containerPort": 9000}]
    spec["containers"] = [{**container, "ports": ports} for container in spec["containers"]]
    labels = {"app": "x"}
    body: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "namespace": "recommender"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }
    return Document("x", body)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("type: OUTPUT_TRANSFORMER", "tpye: OUTPUT_TRANSFORMER", "$.spec.predictors[0].graph.tpye"),
        ("componentSpecs:", "componentSpec:", "$.spec.predictors[0].componentSpec"),
        ("readinessProbe:", "readynessProbe:", "containers[0].readynessProbe"),
        ("transport: rest", "transports: rest", "$.spec.transports 'rest': unknown field; did you mean transport?"),
        ("runAsUser: 10001", 'runAsUser: "10001"', "securityContext.runAsUser '10001': expected integer"),
        ("svcOrchSpec:", "serviceOrchestratorSpec:", "$.spec.predictors[0].serviceOrchestratorSpec"),
    ],
)
def test_a_mistake_in_the_deployment_is_refused(
    tmp_path: Path, crds: Path, right: str, wrong: str, message: str
) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    file = tmp_path / "deploy/base/seldondeployment.yaml"
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong, 1))
    found = [str(problem) for problem in validate(build(tmp_path / "deploy/base"), KUBERNETES, crds)]
    assert any(message in problem for problem in found), found


def test_a_misspelt_field_in_a_patch_is_refused(tmp_path: Path, crds: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    file = tmp_path / "deploy/overlays/canary/traffic.yaml"
    file.write_text(file.read_text().replace("/spec/predictors/1/traffic", "/spec/predictors/1/trafic"))
    found = [str(problem) for problem in validate(build(file.parent), KUBERNETES, crds)]
    assert len(found) == 1
    assert "$.spec.predictors[1].trafic 10: unknown field; did you mean traffic?" in found[0]


def test_the_base_is_one_pipeline_in_the_order_of_its_steps() -> None:
    (only,) = placed("minikube").predictors
    assert [unit.name for unit in only.graph.walk()] == ["postprocessor", "preprocessor", "model"]
    assert (only.version, only.rest_timeout_s, only.grpc_timeout_s) == ("1", 2, 2)


def test_the_canary_gets_a_tenth_and_runs_version_2() -> None:
    document = seldon("canary")
    assert [(each.name, each.traffic, each.version) for each in placed("canary").live] == [
        ("default", 90, "1"),
        ("canary", 10, "2"),
    ]
    variables = [(each["name"], entry) for each in containers(document) for entry in each["env"]]
    folders = {(name, entry["value"]) for name, entry in variables if entry["name"] == "RECOMMENDER_MODEL_DIR"}
    assert folders == {
        ("preprocessor", "/models/recommender/1"),
        ("model", "/models/recommender/1"),
        ("model", "/models/recommender/2"),
        ("postprocessor", "/models/recommender/1"),
    }


def test_the_shadow_gets_every_request_and_answers_none() -> None:
    deployment = placed("shadow")
    assert [each.name for each in deployment.live] == ["default"]
    assert [(each.name, each.traffic, each.version) for each in deployment.shadows] == [("shadow", 100, "2")]


def route(overlay: str) -> list[dict[str, Any]]:
    """The rules of the overlay's HTTPRoute, which is one and hangs on the overlay's own Gateway."""
    documents = built(DEPLOY / "overlays" / overlay)
    (gateway,) = [each for each in documents if each.kind == "Gateway"]
    (found,) = [each.body for each in documents if each.kind == "HTTPRoute"]
    assert found["spec"]["parentRefs"] == [{"name": gateway.name}]
    assert {gateway.body["metadata"]["namespace"], found["metadata"]["namespace"]} == {"recommender"}
    rules: list[dict[str, Any]] = found["spec"]["rules"]
    return rules


def test_without_istio_a_gateway_shares_the_requests_as_the_predictors_say() -> None:
    (rule,) = route("canary-gateway")
    predictors = placed("canary-gateway").live
    # Seldon's operator calls a predictor's Service by its deployment and its own name
    assert [(each["name"], each["port"], each["weight"]) for each in rule["backendRefs"]] == [
        (f"recommender-{each.name}", 8000, each.traffic) for each in predictors
    ]
    assert sum(each["weight"] for each in rule["backendRefs"]) == 100


def test_without_istio_a_gateway_copies_every_prediction_to_the_shadow_and_no_feedback() -> None:
    predictions, others = route("shadow-gateway")
    (shadow,) = placed("shadow-gateway").shadows
    (mirror,) = predictions["filters"]
    assert mirror["requestMirror"]["backendRef"] == {"name": f"recommender-{shadow.name}", "port": 8000}
    assert [each["path"]["value"] for each in predictions["matches"]] == [
        "/api/v1.0/predictions",
        "/api/v0.1/predictions",
    ]
    assert "filters" not in others
    for rule in (predictions, others):
        assert [each["name"] for each in rule["backendRefs"]] == ["recommender-default"]


@pytest.mark.parametrize("named", ["canary-gateway", "shadow-gateway"])
def test_the_gateways_proxies_are_let_in_as_callers(named: str) -> None:
    documents = built(DEPLOY / "overlays" / named)
    (gateway,) = [each.body for each in documents if each.kind == "Gateway"]
    labels = gateway["spec"]["infrastructure"]["labels"]
    assert passes(documents, Pod("envoy-gateway-system", labels), SERVES, 8000)
    assert not passes(documents, Pod("envoy-gateway-system", {}), SERVES, 8000)


def test_the_second_predictor_is_the_first_but_for_its_model() -> None:
    first, second = seldon("canary")["spec"]["predictors"]
    for predictor in (first, second):
        for key in ("name", "traffic", "annotations", "labels"):
            del predictor[key]
        (model,) = [c for c in predictor["componentSpecs"][0]["spec"]["containers"] if c["name"] == "model"]
        del model["env"][0]
    assert first == second


def test_a_predictors_version_is_on_the_executors_metrics_and_on_the_steps_own() -> None:
    for predictor in seldon("canary")["spec"]["predictors"]:
        assert predictor["labels"]["version"] == predictor["annotations"]["version"]


def test_a_pod_that_is_told_to_stop_still_answers_until_nobody_calls_it() -> None:
    """The executor first, which the operator makes: it must pause, and its steps must outlast it."""
    file = DEPLOY / "executor-drains.yaml"
    documents = [Document(str(file), body) for body in yaml.safe_load_all(file.read_text())]
    for version in ("1.36", "1.37"):
        assert validate(documents, version) == []
    policy, binding = (each.body for each in documents)
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    namespace = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchLabels"]
    assert namespace == {"kubernetes.io/metadata.name": "recommender"}
    patch = policy["spec"]["mutations"][0]["applyConfiguration"]["expression"]
    ((name, executor_s),) = re.findall(r'name: "([a-z-]+)".*sleep\{seconds: (\d+)\}', patch, re.DOTALL)
    assert f'"{name}"' in policy["spec"]["matchConditions"][0]["expression"]
    for predictor in seldon("canary")["spec"]["predictors"]:
        (component,) = predictor["componentSpecs"]
        longest_call_s = 2
        for container in component["spec"]["containers"]:
            (program, pause_s) = container["lifecycle"]["preStop"]["exec"]["command"]
            assert program == "sleep"  # the images have one; a pause of the kubelet's own needs Kubernetes 1.30
            assert int(executor_s) + longest_call_s < int(pause_s)
            assert int(pause_s) + longest_call_s < component["spec"]["terminationGracePeriodSeconds"]


def test_autoscaling_has_room_and_survives_node_upgrades() -> None:
    (component,) = seldon("autoscale")["spec"]["predictors"][0]["componentSpecs"]
    scale = component["hpaSpec"]
    assert 2 <= scale["minReplicas"] < scale["maxReplicas"]
    assert scale["metricsv2"][0]["resource"]["name"] == "cpu"
    assert component["pdbSpec"] == {"maxUnavailable": 1}
    assert all("cpu" in container["resources"]["requests"] for container in component["spec"]["containers"])


def test_tracing_reaches_the_executor_and_every_step() -> None:
    document = seldon("tracing")
    parts = [document["spec"]["predictors"][0]["svcOrchSpec"], *containers(document)]
    for part in parts:
        variables = {entry["name"]: entry["value"] for entry in part["env"]}
        assert variables["TRACING"] == "1"
        assert variables["JAEGER_AGENT_HOST"] == "jaeger.monitoring"


def test_prometheus_scrapes_what_the_operator_adds_to_every_pod() -> None:
    (monitor,) = [each for each in built(DEPLOY / "overlays" / "monitoring") if each.kind == "PodMonitor"]
    # the dashboard finds the executor's process by the job that this gives
    assert monitor.body["metadata"]["namespace"] == "recommender"
    assert monitor.body["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/managed-by": "seldon-core"}}
    (scraped,) = monitor.body["spec"]["podMetricsEndpoints"]
    assert (scraped["port"], scraped["path"]) == ("metrics", "/prometheus")


def test_on_a_bare_machine_prometheus_scrapes_the_router_and_every_step() -> None:
    config = yaml.safe_load((ROOT / "infra/prometheus/prometheus.yml").read_text())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    settings = RecommenderSettings(deployment=DEPLOY / "base")
    steps = place(seldon("minikube"), settings).processes
    assert jobs["recommender"] == [f"127.0.0.1:{settings.port}"]
    assert sorted(jobs["recommender-steps"]) == sorted(f"127.0.0.1:{step.port + 2}" for step in steps)


SELDON_PODS = {"app.kubernetes.io/managed-by": "seldon-core"}
SERVES = Pod("recommender", SELDON_PODS)
INVENTORY = Pod("recommender", {"app.kubernetes.io/name": "inventory"}, {"valkey": 6379})
CLIENT = Pod("web", {"recommender.example.com/client": "true"})
PROMETHEUS = Pod("monitoring", {"app.kubernetes.io/name": "prometheus"})
JAEGER = Pod("monitoring", {"app.kubernetes.io/name": "jaeger"}, {"thrift-compact": 6831})
DNS = Pod("kube-system", {"k8s-app": "kube-dns"})
STRANGERS = {
    "of the namespace": Pod("recommender", {"app": "debug"}),
    "of another": Pod("web", {}),
    "with labels of another's": Pod("web", SELDON_PODS | {"recommender.example.com/stock": "true"}),
}


@pytest.mark.parametrize("named", OVERLAYS)
@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_a_pod_that_is_a_stranger_reaches_nothing(named: str, stranger: Pod) -> None:
    documents = built(DEPLOY / "overlays" / named)
    assert not passes(documents, stranger, INVENTORY, 6379)
    for port in (8000, 5001, 9000, 9500, 6000, 6002):
        assert not passes(documents, stranger, SERVES, port)


@pytest.mark.parametrize("named", OVERLAYS)
def test_callers_reach_the_executor_and_not_the_steps_and_steps_reach_the_inventory_alone(named: str) -> None:
    documents = built(DEPLOY / "overlays" / named)
    assert [port for port in (8000, 5001, 9000, 9001, 9500, 6000) if passes(documents, CLIENT, SERVES, port)] == [
        8000, 5001,
    ]  # fmt: skip
    assert passes(documents, SERVES, INVENTORY, 6379)
    assert passes(documents, SERVES, DNS, 53, "UDP")
    assert not passes(documents, CLIENT, INVENTORY, 6379)
    assert not passes(documents, INVENTORY, SERVES, 8000)
    for outside in (CLIENT, Pod("default", {}), Pod("kube-system", {})):
        assert not passes(documents, SERVES, outside, 443)
        assert not passes(documents, INVENTORY, outside, 443)


def test_prometheus_and_spans_pass_where_an_overlay_says_so() -> None:
    for overlay in OVERLAYS:
        documents = built(DEPLOY / "overlays" / overlay)
        for port in (6000, 6001, 6002):
            assert passes(documents, PROMETHEUS, SERVES, port) == (overlay == "monitoring")
        assert passes(documents, SERVES, JAEGER, 6831, "UDP") == (overlay == "tracing")


@pytest.mark.parametrize("named", OVERLAYS)
def test_the_images_are_ours_with_the_pinned_tag(named: str) -> None:
    images = load_versions()["images"]
    for container in containers(seldon(named)):
        name, _, tag = container["image"].partition(":")
        assert tag == images[name]["development" if named == "minikube" else "version"]


def test_the_inventory_is_the_pinned_valkey() -> None:
    (stateful,) = [d for d in built(DEPLOY / "base") if d.kind == "StatefulSet"]
    (container,) = stateful.body["spec"]["template"]["spec"]["containers"]
    assert container["image"] == load_versions()["images"]["valkey"]["reference"]


def test_the_file_at_the_top_is_the_one_in_the_base() -> None:
    assert (DEPLOY / "seldondeployment.yaml").resolve() == DEPLOY / "base" / "seldondeployment.yaml"
