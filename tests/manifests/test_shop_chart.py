"""Level 3's chart, rendered by Helm's own engine: strictly valid for every values file, mistakes refused by name."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.shop_chart import CHART, DEPLOY, VARIANTS, changed, each_variant, of_kind, values_files, variant
from workbench.manifests import (
    Document,
    check_policy,
    is_native,
    lint_chart,
    load,
    standard_workloads,
    validate,
)
from workbench.manifests.pods import pod_templates
from workbench.versions import cluster

if TYPE_CHECKING:
    from pathlib import Path

LEVEL = cluster(3)


def test_every_values_file_is_part_of_a_variant() -> None:
    folder = CHART / "values"
    files = {str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.yaml")}
    assert files == {file for files in VARIANTS.values() for file in files}


@each_variant
def test_kubernetes_own_kinds_are_strictly_valid_for_every_version_of_the_level(name: str) -> None:
    own = [each for each in [*variant(name), *standard_workloads(variant(name))] if is_native(each)]
    assert own
    problems = {version: validate(own, version) for version in LEVEL.minors}
    assert {version: found for version, found in problems.items() if found} == {}


@each_variant
def test_custom_resources_are_strictly_valid(name: str, crds: Path) -> None:
    custom = [each for each in variant(name) if not is_native(each)]
    assert {each.kind for each in custom} >= {"InferenceService", "ServingRuntime", "HTTPRoute", "BackendTrafficPolicy"}
    assert validate(custom, LEVEL.minors[0], crds) == []


@each_variant
def test_the_charts_pods_and_those_that_kserve_makes_keep_the_house_rules(name: str) -> None:
    documents = variant(name)
    found = [str(problem) for problem in check_policy([*documents, *standard_workloads(documents)])]
    if name == "knative":  # its pods are Knative's, and so are their labels
        found = [problem for problem in found if "serving.kserve.io/inferenceservice" not in problem]
    assert found == []


@each_variant
def test_helm_lint_has_nothing_to_say(name: str) -> None:
    assert lint_chart(CHART, values_files(name), namespace="shop", kubernetes=LEVEL.version) == []


@each_variant
def test_names_are_unique_and_everything_says_where_it_lives(name: str) -> None:
    names = [(each.api_version, each.kind, each.name) for each in variant(name)]
    assert len(names) == len(set(names))
    everywhere = {"Namespace", "PriorityClass"}
    places = {each.body["metadata"].get("namespace") for each in variant(name) if each.kind not in everywhere}
    assert places == {"shop"}


@each_variant
def test_no_pod_preempts_the_operators_and_batch_work_is_preempted_first(name: str) -> None:
    documents = [*variant(name), *standard_workloads(variant(name))]
    classes = {each: body["value"] for each, body in of_kind(documents, "PriorityClass").items()}
    for kind in ("Deployment", "StatefulSet", "Job"):
        for body in of_kind(documents, kind).values():
            named = body["spec"]["template"]["spec"].get("priorityClassName")
            priority = classes[named] if named else 0  # Kubernetes' default, which the operators' pods have
            # The cluster autoscaler starts no node for a pod below -10.
            assert -10 <= priority < 0 if kind == "Job" else priority == 0


def test_serving_may_have_a_priority_class_of_the_clusters_own() -> None:
    documents = changed("cpu", priorityClasses={"serving": "theirs"})
    pods = pod_templates([*documents, *standard_workloads(documents)])
    serving = [pod.spec.get("priorityClassName") for pod in pods if pod.document.kind != "Job"]
    assert set(serving) == {"theirs"}


@each_variant
def test_no_secret_is_in_the_chart(name: str) -> None:
    assert of_kind(variant(name), "Secret") == {}


SECURE = {"edge": {"tlsSecret": "shop-tls"}}


@pytest.mark.parametrize(
    ("values", "host"),
    [
        ({}, "shop.example.com"),
        ({"edge": {"hosts": ["*.example.com"]}}, None),
        ({"edge": {"hosts": ["a.example.com", "b.example.com"]}}, None),
        (SECURE, None),
    ],
)
def test_a_request_without_a_host_is_for_the_listeners(values: dict[str, Any], host: str | None) -> None:
    """Envoy Gateway looks for another one, finds several routes, refuses the policy, and answers everybody with 500."""
    documents = changed("defaults", **values)
    (listener,) = of_kind(documents, "Gateway")["edge"]["spec"]["listeners"]
    (policy,) = of_kind(documents, "ClientTrafficPolicy").values()
    assert listener.get("hostname") == host
    assert policy["spec"]["http1"]["http10"]["useDefaultHost"] is (host is not None)


def test_on_a_small_node_the_edge_is_called_as_a_forwarded_port_is() -> None:
    assert of_kind(variant("minikube"), "HTTPRoute")["shop"]["spec"]["hostnames"] == ["localhost"]


def test_the_edges_policy_has_no_field_that_is_newer_than_the_pinned_release() -> None:
    """Its main branch has this one since August 2026; 1.9 refuses the whole policy for it."""
    (policy,) = of_kind(variant("defaults"), "ClientTrafficPolicy").values()
    assert "maxRequestHeaderLimit" not in policy["spec"]["headers"]


@pytest.mark.slow
def test_what_the_cluster_needs_beforehand_is_valid(crds: Path) -> None:
    documents = load(DEPLOY / "cluster" / "kserve-gateway.yaml")
    assert [str(problem) for problem in validate(documents, LEVEL.minors[0], crds)] == []
    (gateway,) = of_kind(documents, "Gateway").values()
    (proxy,) = of_kind(documents, "EnvoyProxy").values()
    assert gateway["spec"]["infrastructure"]["parametersRef"]["name"] == proxy["metadata"]["name"]
    assert gateway["spec"]["gatewayClassName"] in of_kind(documents, "GatewayClass")


def test_kserves_gateway_lets_through_what_a_client_of_a_model_needs_and_no_control() -> None:
    documents = load(DEPLOY / "cluster" / "kserve-gateway.yaml")
    (policy,) = of_kind(documents, "SecurityPolicy").values()
    ((name, gateway),) = of_kind(documents, "Gateway").items()
    assert policy["metadata"]["namespace"] == gateway["metadata"]["namespace"]
    assert policy["spec"]["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}]
    assert policy["spec"]["authorization"]["defaultAction"] == "Deny"
    (rule,) = policy["spec"]["authorization"]["rules"]
    path = rule["operation"]["path"]
    assert (rule["action"], path["type"]) == ("Allow", "RegularExpression")
    of_model = ["/v2/models/ranking", "/v2/models/personalisation-0/infer", "/v2/models/fraud/versions/2/ready"]
    let = ["/v2", "/v2/health/live", "/v2/health/ready", *of_model, "/v2/models/fraud/config"]
    refused = [
        "/v2/repository/index", "/v2/repository/models/ranking/load", "/v2/models/ranking/trace/setting", "/v2/logging",
        "/v2/systemsharedmemory/region/x/register", "/v2/cudasharedmemory/status", "/v2/trace/setting", "/metrics", "/",
        "/v2/models/../repository/index", "/v2/models/%2e%2e/infer", "/v2/models/ranking/infer/x", "/v2/models//infer",
    ]  # fmt: skip
    assert [asked for asked in [*let, *refused] if re.fullmatch(path["value"], asked)] == let


@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        (
            "_predictor.tpl",
            "protocolVersion: v2",
            "protocol: v2",
            "$.spec.predictor.model.protocol 'v2': unknown field",
        ),
        ("_predictor.tpl", "storageUri:", "storageURI:", "$.spec.predictor.model.storageURI"),
        ("_inference-service.tpl", "trafficPercent:", "traffic:", "$.spec.canary[0].traffic 10: unknown field"),
        ("runtime.yaml", "supportedModelFormats:", "modelFormats:", "ServingRuntime/shop-triton: $.spec.modelFormats"),
        ("edge.yaml", "hostnames:", "hosts:", "HTTPRoute/shop: $.spec.hosts"),
        ("edge.yaml", "consecutiveGatewayErrors: 5", 'consecutiveGatewayErrors: "5"', "expected integer"),
        ("gateway.yaml", "readinessProbe:", "readynessProbe:", "$.spec.template.spec.containers[0].readynessProbe"),
        ("gateway-autoscaler.yaml", "averageValue:", "average:", "$.spec.metrics[0].pods.target.average"),
        ("network-policies.yaml", "policyTypes: [Ingress, Egress]", "policyType: [Ingress]", "$.spec.policyType"),
        ("monitors.yaml", "scrapeTimeout: 5s", "scrapeTimeout: 5", "scrapeTimeout 5: expected string"),
        ("disruption-budgets.yaml", "maxUnavailable: 1", "maxUnavailible: 1", "did you mean maxUnavailable?"),
    ],
)
@pytest.mark.usefixtures("crds")
def test_a_mistake_in_a_template_is_refused(tmp_path: Path, file: str, right: str, wrong: str, message: str) -> None:
    documents = planted(tmp_path, file, right, wrong)
    found = [str(problem) for problem in validate(documents, LEVEL.minors[0])]
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        ("_common.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "expected True"),
        ("_common.tpl", "runAsUser: 10001", "runAsUser: 0", "expected runAsNonRoot: true and no user 0"),
        ("models.yaml", "name: models\n", "name: servers\n", "serviceAccountName 'models': expected a service account"),
        ("network-policies.yaml", "- port: http1", "- port: http", "expected a port the selected pods listen on"),
        ("monitors.yaml", "- port: metrics", "- port: metric", "expected a named port of the selected pods"),
        ("gateway.yaml", "targetPort: http", "targetPort: web", "expected a port of gateway's containers"),
        ("gateway-autoscaler.yaml", "name: gateway\n  minReplicas", "name: gate\n  minReplicas", "no such object here"),
        ("disruption-budgets.yaml", "maxUnavailable: 1", "maxUnavailable: 0", "no node could ever be drained"),
    ],
)
def test_a_broken_house_rule_is_found(tmp_path: Path, file: str, right: str, wrong: str, message: str) -> None:
    documents = planted(tmp_path, file, right, wrong)
    found = [str(problem) for problem in check_policy([*documents, *standard_workloads(documents)])]
    assert any(message in problem for problem in found), found


def planted(tmp_path: Path, file: str, right: str, wrong: str) -> list[Document]:
    """The documents of a copy of the chart with one mistake in it."""
    chart = tmp_path / "shop-serving"
    shutil.copytree(CHART, chart)
    template = chart / "templates" / file
    text = template.read_text()
    assert right in text, f"{file} no longer has {right!r}: plant the mistake elsewhere"
    template.write_text(text.replace(right, wrong, 1))
    return changed("cpu", chart)
