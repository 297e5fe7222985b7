"""Every overlay builds, is strictly valid for every Kubernetes its level supports, and keeps the house rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.manifests.conftest import built
from workbench.manifests import Document, check_policy, is_native, validate
from workbench.manifests.pods import SERVING_KINDS, pod_templates, selects
from workbench.versions import ROOT, cluster

if TYPE_CHECKING:
    from pathlib import Path

LEVEL_1 = ROOT / "01-beginner-iris-api" / "deploy"


def test_kubernetes_own_kinds_are_strictly_valid_for_every_version_of_the_level(
    documents: list[Document], level: int
) -> None:
    own = [document for document in documents if is_native(document)]
    assert own
    problems = {version: validate(own, version) for version in cluster(level).minors}
    assert {version: found for version, found in problems.items() if found} == {}


def test_every_document_and_custom_resource_is_strictly_valid(
    documents: list[Document], level: int, needed_crds: Path | None
) -> None:
    assert validate(documents, cluster(level).minors[0], needed_crds) == []


def test_the_overlay_keeps_the_house_rules(documents: list[Document]) -> None:
    assert [str(problem) for problem in check_policy(documents)] == []


def test_the_overlays_names_are_unique(documents: list[Document]) -> None:
    names = [(document.api_version, document.kind, document.name) for document in documents]
    assert len(names) == len(set(names))


def test_production_survives_node_upgrades_surges_and_strangers(production: list[Document]) -> None:
    guards = {"PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector"}
    scaled = {d.body["spec"]["scaleTargetRef"]["name"] for d in production if d.kind == "HorizontalPodAutoscaler"}
    serving = [pod for pod in pod_templates(production) if pod.document.kind in SERVING_KINDS]
    assert serving
    for pod in serving:
        for kind, field in guards.items():
            selectors = [document.body["spec"][field] for document in production if document.kind == kind]
            assert any(selects(selector, pod.labels) for selector in selectors), f"{pod.document}: no {kind}"
        assert pod.document.name in scaled, f"{pod.document}: no HorizontalPodAutoscaler"
        spread = {constraint["topologyKey"] for constraint in pod.spec["topologySpreadConstraints"]}
        assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


@pytest.mark.parametrize("version", cluster(1).minors)
def test_level_1_on_minikube_needs_nothing_but_a_plain_kubernetes(version: str, tmp_path: Path) -> None:
    documents = built(LEVEL_1 / "overlays" / "minikube")
    assert all(is_native(document, version) for document in documents)
    assert validate(documents, version, crd_dir=tmp_path) == []  # no CRD at all


def test_level_1_on_minikube_supports_kubernetes_1_36() -> None:
    assert "1.36" in cluster(1).minors


def test_level_1_on_minikube_runs_the_image_that_was_loaded_and_pulls_none() -> None:
    (pod,) = pod_templates(built(LEVEL_1 / "overlays" / "minikube"))
    ((_, container),) = pod.containers()
    assert container["image"] == "iris-api:dev"
    assert container["imagePullPolicy"] == "IfNotPresent"


def test_level_1_in_production_is_scraped_where_it_serves_metrics() -> None:
    documents = built(LEVEL_1 / "overlays" / "production")
    (monitor,) = [document for document in documents if document.kind == "ServiceMonitor"]
    (endpoint,) = monitor.body["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


def test_level_1_in_production_keeps_its_audit_log_under_a_secrets_key_on_a_volume_that_outlives_the_pods() -> None:
    documents = built(LEVEL_1 / "overlays" / "production")
    (pod,) = pod_templates(documents)
    ((_, container),) = pod.containers()
    environment = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    assert environment["AUDIT_KEY"] == {"secretKeyRef": {"name": "iris-api-audit", "key": "key"}}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert environment["AUDIT_DIR"].startswith(f"{mounts['audit']}/")
    (claim,) = [document for document in documents if document.kind == "PersistentVolumeClaim"]
    assert {"name": "audit", "persistentVolumeClaim": {"claimName": claim.name}} in pod.spec["volumes"]
    assert claim.body["spec"]["accessModes"] == ["ReadWriteMany"]  # production spreads its pods over nodes


def test_level_1_in_production_lets_callers_and_prometheus_in_and_traces_out() -> None:
    documents = built(LEVEL_1 / "overlays" / "production")
    policies = {document.name: document.body["spec"] for document in documents if document.kind == "NetworkPolicy"}
    policy = policies.pop("iris-api")
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    opened = [{port["port"] for port in rule["ports"]} for rule in policy["ingress"]]
    assert opened == [{"http", "grpc"}, {"http"}]
    assert all(rule["from"] for rule in policy["ingress"])  # an empty "from" would mean everybody
    assert list(policies) == ["iris-api-traces"]
    assert [{port["port"] for port in rule["ports"]} for rule in policies["iris-api-traces"]["egress"]] == [
        {"otlp-http"},
        {53},
    ]
    jaeger = built(ROOT / "infra" / "jaeger")
    (receiver,) = [pod for pod in pod_templates(jaeger) if pod.document.kind in SERVING_KINDS]
    (target,) = policies["iris-api-traces"]["egress"][0]["to"]
    assert selects(target["podSelector"], receiver.labels)
    assert {"otlp-http"} <= {port["name"] for each in receiver.spec["containers"] for port in each["ports"]}
