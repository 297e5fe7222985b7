"""What level 3's values do: how versions share traffic, what scales, what the gateway is told; and what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shop.endpoints import MODELS
from shop.gateway.settings import GatewaySettings
from shop.serving.control_key import restrictions
from shop.serving.settings import StoreSettings
from tests.shop_chart import (
    CHART,
    DEPLOY,
    STANDARD,
    changed,
    each_variant,
    gateway_environment,
    of_kind,
    predictors,
    services,
    values_files,
    variant,
)
from workbench.manifests import ManifestError, chart_notes, standard_workloads
from workbench.manifests.pods import SERVING_KINDS, pod_templates, selects
from workbench.versions import load_versions

if TYPE_CHECKING:
    from pathlib import Path


# --- the gateway -----------------------------------------------------------------------------------------------------


@each_variant
def test_every_variable_is_a_setting_of_the_gateway_and_is_understood(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = gateway_environment(variant(name))
    ours = {key for key in environment if key.startswith("SHOP_")}
    assert ours <= {f"SHOP_{field.upper()}" for field in GatewaySettings.model_fields}
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    settings = GatewaySettings()
    assert (settings.host, settings.gateway_port, settings.deadline_ms) == ("0.0.0.0", 8310, 45)  # noqa: S104 - in a pod
    assert settings.version_choice == ("edge" if name == "minikube" else "server")
    assert set(settings.triton_hosts) == set(MODELS)
    (pod,) = [of_kind(variant(name), "Deployment")["gateway"]["spec"]["template"]["spec"]]
    assert settings.drain_s + settings.drain_timeout_s < pod["terminationGracePeriodSeconds"]


def test_the_loaders_variables_are_settings_of_the_loader() -> None:
    pod = of_kind(variant("defaults"), "StatefulSet")["features"]["spec"]["template"]["spec"]
    (loader,) = pod["initContainers"]
    known = {f"SHOP_{field.upper()}" for field in {*StoreSettings.model_fields, *GatewaySettings.model_fields}}
    assert {entry["name"] for entry in loader["env"]} <= known
    assert loader["restartPolicy"] == "Always"  # a sidecar, not a step before the start


def test_keys_come_from_a_secret_that_somebody_else_makes_and_follow_it_without_a_rollout() -> None:
    pod = of_kind(variant("cpu"), "Deployment")["gateway"]["spec"]["template"]["spec"]
    (volume,) = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "api-keys"]
    assert volume == {
        "secretName": "gateway-api-keys",
        "defaultMode": 0o440,
        "items": [{"key": "keys", "path": "keys"}],
    }
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "api-keys"]
    assert mount == {"name": "api-keys", "mountPath": "/keys", "readOnly": True}, "no subPath: that never changes"
    assert gateway_environment(variant("cpu"))["SHOP_API_KEYS_FILE"] == "/keys/keys"
    assert "SHOP_API_KEYS" not in {entry["name"] for entry in pod["containers"][0]["env"]}


@pytest.mark.parametrize(
    "change",
    [
        {"models": {"ranking": {"weight": 11}}},
        {"models": {"fraud": {"stable": "3"}}},
        {"images": {"triton": {"tag": "0.1.1"}}},
    ],
    ids=["weight", "version", "models"],
)
def test_another_release_never_reads_the_cached_answers_of_this_one(change: dict[str, Any]) -> None:
    releases = [gateway_environment(each)["SHOP_RELEASE"] for each in (variant("cpu"), changed("cpu", **change))]
    assert len(set(releases)) == 2
    same = changed("cpu", gateway={"deadlineMs": 40})
    assert gateway_environment(same)["SHOP_RELEASE"] == releases[0]


def test_a_promoted_version_is_the_one_that_fallback_answers_carry() -> None:
    promoted = changed("cpu", models={"ranking": {"stable": "2", "candidate": "3", "weight": 0}})
    versions = json.loads(gateway_environment(promoted)["SHOP_MODEL_VERSIONS"])
    assert versions == {"ranking": "2", "fraud": "1", "personalisation": "1"}
    settings = GatewaySettings(model_versions=versions)
    assert [settings.version_of(model) for model in ("ranking", "fraud", "")] == ["2", "1", "1"]


# --- scaling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cpu", "gpu", "fallback-0.20", "region-eu"])
def test_the_servers_scale_on_sums_over_the_servers_never_on_averages(name: str) -> None:
    for model in MODELS:
        body = services(name)[model]
        assert body["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "keda"
        externals = [each["external"] for each in body["spec"]["predictor"]["autoScaling"]["metrics"]]
        queries = [each["metric"]["query"] for each in externals]
        assert all(query.startswith("sum(") and "avg(" not in query for query in queries)
        assert all(f'pod=~"{model}-.*predictor-.*"' in query for query in queries)
        assert all(each["metric"]["backend"] == "prometheus" for each in externals)
        assert all(each["target"]["type"] == "Value" and float(each["target"]["value"]) > 0 for each in externals)
        names = [str(re.findall(r"nv_\w+", query)[0]) for query in queries]
        assert names[:2] == ["nv_inference_request_success", "nv_inference_queue_duration_us"]
        assert names[2:] == (["nv_gpu_utilization"] if name == "gpu" else [])


def test_the_gpu_metrics_target_is_a_share_as_triton_reports_it() -> None:
    metrics = services("gpu")["ranking"]["spec"]["predictor"]["autoScaling"]["metrics"]
    assert metrics[2]["external"]["target"]["value"] == "0.7"


def test_the_gateway_scales_on_the_metric_that_the_adapter_computes() -> None:
    (autoscaler,) = of_kind(variant("defaults"), "HorizontalPodAutoscaler").values()
    by_pods, by_cpu = autoscaler["spec"]["metrics"]
    adapter = yaml.safe_load((DEPLOY / "cluster" / "prometheus-adapter.yaml").read_text())
    ((rule,),) = (adapter["rules"]["custom"],)
    assert by_pods["pods"]["metric"]["name"] == rule["name"]["as"]
    assert by_cpu["resource"]["name"] == "cpu"
    assert "serving_request_duration_seconds_count" in rule["seriesQuery"]


def test_where_nothing_scales_the_number_is_fixed_and_no_autoscaler_is_asked_for() -> None:
    for body in services("minikube").values():
        predictor = body["spec"]["predictor"]
        assert body["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
        assert predictor["minReplicas"] == predictor["maxReplicas"] == 1
        assert "autoScaling" not in predictor
    assert of_kind(variant("minikube"), "HorizontalPodAutoscaler") == {}
    assert of_kind(variant("minikube"), "PodMonitor") == {}  # no operator there that would know them


# --- pods ------------------------------------------------------------------------------------------------------------


def test_gpu_servers_get_one_each_and_run_where_they_are() -> None:
    for predictor in predictors("gpu"):
        assert predictor["model"]["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert predictor["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"}
        assert "/tensorrt/" in predictor["model"]["storageUri"]


@pytest.mark.parametrize("name", STANDARD)
def test_each_server_is_told_its_own_model_of_the_shared_repository(name: str) -> None:
    for service, body in services(name).items():
        environment = body["spec"]["predictor"]["model"]["env"]
        assert environment == [{"name": "SHOP_MODEL", "value": service.removesuffix("-candidate")}]


def test_a_server_takes_orders_from_nobody_and_keeps_its_arguments(tmp_path: Path) -> None:
    (container,) = of_kind(variant("defaults"), "ServingRuntime")["shop-triton"]["spec"]["containers"]
    server = tmp_path / "tritonserver"
    server.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    server.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.defpath}", "SHOP_MODEL": "ranking"}
    command = [
        word.replace("/tmp/repository", str(tmp_path / "repository"))  # noqa: S108 - the container's own
        for word in [*container["command"], *container["args"]]
    ]
    starts = [subprocess.check_output(command, env=environment, text=True, timeout=30).splitlines() for _ in range(2)]
    secrets = {words[0].rpartition("=")[2] for words in starts}
    assert len(secrets) == len(starts)
    for words in starts:
        assert words == [*restrictions(words[0].rpartition("=")[2]), *command[-len(container["args"]) :]]
    assert all(len(secret) == 36 for secret in secrets)


@pytest.mark.parametrize("name", ["defaults", "cpu", "gpu", "fallback-0.20", "region-eu"])
def test_what_serves_survives_node_upgrades_zones_and_strangers(name: str) -> None:
    documents = [*variant(name), *standard_workloads(variant(name))]
    budgets = [body["spec"]["selector"] for body in of_kind(documents, "PodDisruptionBudget").values()]
    policies = of_kind(documents, "NetworkPolicy")
    opened = [body["spec"]["podSelector"] for policy, body in policies.items() if policy != "default-deny"]
    for pod in (pod for pod in pod_templates(documents) if pod.document.kind in SERVING_KINDS):
        what = pod.document.name
        assert any(selects(selector, pod.labels) for selector in opened), f"{what}: no NetworkPolicy of its own"
        if "-candidate-" in what:
            continue  # whose loss the stable version takes over
        assert any(selects(selector, pod.labels) for selector in budgets), f"{what}: no PodDisruptionBudget"
        if what != "cache":
            spread = {constraint["topologyKey"] for constraint in pod.spec["topologySpreadConstraints"]}
            assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_nobody_reaches_anybody_unless_a_policy_says_so() -> None:
    policies = of_kind(variant("defaults"), "NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert set(policies) == {"default-deny", "gateway", "features", "cache", "models"}
    for policy in policies.values():
        assert all(rule["from"] for rule in policy["spec"].get("ingress", []))  # an empty "from" would mean everybody
    assert policies["models"]["spec"]["egress"] == []


# --- regions ---------------------------------------------------------------------------------------------------------


def test_both_regions_have_the_same_models_and_a_record_of_their_own_that_fails_over() -> None:
    seen = []
    for name in ("region-eu", "region-us"):
        route = of_kind(variant(name), "HTTPRoute")["shop"]
        record = {key.rpartition("/")[2]: value for key, value in route["metadata"]["annotations"].items()}
        paths = [match["path"]["value"] for rule in route["spec"]["rules"] for match in rule["matches"]]
        (job,) = [body for body in of_kind(variant(name), "Job").values() if "publish" in body["metadata"]["name"]]
        seen.append((route["spec"]["hostnames"], job["spec"]["template"]["spec"]["containers"][0]["image"]))
        assert record["set-identifier"] == name.removeprefix("region-")
        assert record["aws-region"]
        assert record["aws-health-check-id"]
        assert "/readyz" in paths  # what the health check asks
    assert seen[0] == seen[1]


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"models": {"ranking": {"wieght": 5}}}, "at '/models/ranking': additional properties 'wieght' not allowed"),
        ({"models": {"ranking": {"weight": 101}}}, "at '/models/ranking/weight': maximum: got 101, want 100"),
        ({"models": {"serach": {}}}, "at '/models': additional properties 'serach' not allowed"),
        ({"gateway": {"deadlineMs": "45"}}, "at '/gateway/deadlineMs': got string, want number"),
        ({"rollout": {"strategy": "blue-green"}}, "value must be one of 'canary', 'edge', 'knative', 'route'"),
        ({"triton": {"engine": "tensorrt"}}, "at '/triton/gpus': minimum: got 0, want 1"),
        ({"triton": {"gpus": 1}}, "at '/triton/gpus': maximum: got 1, want 0"),
        ({"triton": {"gracePeriodSeconds": 30}}, "at '/triton/gracePeriodSeconds': minimum: got 30, want 36"),
        ({"autoscaling": {"gpuUtilisation": 70}}, "at '/autoscaling/gpuUtilisation': maximum: got 70, want 1"),
        ({"region": {"dns": {"enabled": True}}}, "at '/region/dns/awsRegion': minLength: got 0, want 1"),
        ({"images": {"triton": {"tag": "latest"}}}, "image shop-triton tag latest: expected a pinned tag"),
        ({"cache": {"maxMemory": "1Gi"}}, "at '/cache/maxMemory': '1Gi' does not match pattern"),
        (
            {"models": {"fraud": {"candidateReplicas": 3}}},
            "models.fraud.candidateReplicas 3: expected at most minReplicas, 2: KServe refuses more",
        ),
        (
            {"models": {"fraud": {"minReplicas": 9}}},
            "models.fraud.minReplicas 9: expected at most maxReplicas, 6",
        ),
        ({"models": {"fraud": {"candidate": "1"}}}, "models.fraud.candidate 1: expected another version than stable"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        changed("defaults", **values)
    assert message in str(caught.value)


def test_keys_do_not_travel_in_plain_text() -> None:
    keys = {"apiKeysSecret": "gateway-api-keys"}
    with pytest.raises(
        ManifestError, match=r"gateway\.apiKeysSecret without edge\.tlsSecret: keys would travel in plain"
    ):
        changed("defaults", gateway=keys)
    assert changed("defaults", gateway=keys, edge={"tlsSecret": "shop-tls"})
    assert changed("defaults", gateway=keys, edge={"gateway": {"create": False, "name": "theirs"}})


def test_shards_are_models_of_their_own() -> None:
    whole = yaml.safe_load((CHART / "values.yaml").read_text())["models"]["personalisation"]
    documents = changed(
        "defaults", models={"personalisation-0": whole, "personalisation-1": whole}, gateway={"shards": 2}
    )
    assert {"personalisation-0", "personalisation-1"} <= set(of_kind(documents, "InferenceService"))
    environment = gateway_environment(documents)
    assert environment["SHOP_SHARDS"] == "2"
    assert "personalisation-1" in json.loads(environment["SHOP_TRITON_HOSTS"])


def test_the_notes_say_what_to_do_next_and_what_is_missing() -> None:
    bare = chart_notes(CHART, values_files("defaults"), release="shop", namespace="shop")
    assert "kubectl --namespace shop get inferenceservices" in bare
    assert "callers need no API key" in bare
    guarded = chart_notes(CHART, values_files("cpu"), release="shop", namespace="shop")
    assert "API key" not in guarded
    assert ("the audit log has no key" in bare, "the audit log has no key" in guarded) == (True, False)
    assert "ranking: 10 % of the requests go to version 2" in guarded


def test_images_and_charts_are_the_pinned_ones() -> None:
    versions = load_versions()
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    for name, wanted in (("defaults", "version"), ("minikube", "development")):
        values = yaml.safe_load((CHART / "values.yaml").read_text())["images"]
        for file in values_files(name):
            for key, image in yaml.safe_load(file.read_text())["images"].items():
                values[key] |= image
        for key in ("gateway", "triton"):
            assert values[key] == {"repository": f"shop-{key}", "tag": versions["images"][f"shop-{key}"][wanted]}
        assert "{repository}:{tag}".format(**values["valkey"]) == versions["images"]["valkey"]["reference"]
    assert chart["version"] == chart["appVersion"] == versions["images"]["shop-gateway"]["version"]
    for name, crd in (
        ("kserve-crd", "kserve"),
        ("kserve-resources", "kserve"),
        ("kserve-llmisvc-crd", "kserve-llmisvc"),
        ("kserve-llmisvc-resources", "kserve-llmisvc"),
        ("kserve-runtime-configs", "kserve-llmisvc"),
        ("keda", "keda"),
        ("seldon-core", "seldon-core"),
    ):
        assert versions["charts"][name]["version"].removeprefix("v") == versions["crds"][crd]["version"]
    assert versions["charts"]["envoy-gateway"]["version"] == f"v{versions['crds']['envoy-gateway']['version']}"
