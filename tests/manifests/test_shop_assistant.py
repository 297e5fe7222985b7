"""The assistant in level 3's chart: nothing where it is not asked for; valid, guarded and in agreement where it is."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from assistant.settings import AssistantSettings
from shop.addresses import Addresses
from shop.endpoints import MODELS
from shop.serving.envoy.routes import route_configuration
from shop.serving.envoy.settings import EdgeSettings
from shop.serving.envoy.splits import Split
from tests.shop_chart import CHART, DEPLOY, VARIANTS, changed, of_kind, values_files, variant
from workbench.manifests import Document, ManifestError, check_policy, is_native, load, standard_workloads, validate
from workbench.versions import cluster, load_versions

if TYPE_CHECKING:
    from pathlib import Path

LEVEL = cluster(3)
ENGINE = "assistant-engine"
both = pytest.mark.parametrize("name", ["cpu", "gpu"])


@lru_cache
def with_it(name: str) -> list[Document]:
    return changed(name, assistant={"enabled": True})


@lru_cache
def whole(name: str) -> list[Document]:
    """The chart's documents and what KServe makes of them."""
    return [*with_it(name), *standard_workloads(with_it(name))]


def engine(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind(with_it(name), "LLMInferenceService")[ENGINE]["spec"]
    return spec


def main(name: str) -> dict[str, Any]:
    (container,) = engine(name)["template"]["containers"]
    return dict(container)


def environment(documents: list[Document], deployment: str = "assistant") -> dict[str, str]:
    (container,) = of_kind(documents, "Deployment")[deployment]["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


@pytest.mark.parametrize("name", VARIANTS)
def test_nobody_who_does_not_ask_for_it_gets_anything_of_it(name: str) -> None:
    assert [str(each) for each in variant(name) if "assistant" in json.dumps(each.body)] == []


def test_asking_for_it_changes_nothing_else_but_who_may_read_features() -> None:
    before = {(each.kind, each.name): each.body for each in variant("cpu")}
    after = {(each.kind, each.name): each.body for each in with_it("cpu")}
    assert {key for key in before if before[key] != after.get(key)} == {("NetworkPolicy", "features")}
    assert all("assistant" in name for _, name in {*after} - {*before})


@both
def test_the_assistants_pods_and_those_that_kserve_makes_are_valid_and_keep_the_house_rules(name: str) -> None:
    native = [each for each in whole(name) if is_native(each)]
    assert f"Deployment/{ENGINE}-kserve" in {f"{each.kind}/{each.name}" for each in native}
    assert [str(problem) for problem in validate(native, LEVEL.minors[0])] == []
    assert [str(problem) for problem in check_policy(whole(name))] == []


@both
@pytest.mark.slow  # the definition of the kind has 2.7 MB
def test_the_assistants_custom_resources_are_strictly_valid(name: str, crds: Path) -> None:
    custom = [each for each in with_it(name) if not is_native(each)]
    assert "LLMInferenceService" in {each.kind for each in custom}
    assert [str(problem) for problem in validate(custom, LEVEL.minors[0], crds)] == []


@pytest.mark.slow
def test_a_mistake_in_the_language_model_is_refused(crds: Path) -> None:
    (document,) = [each for each in with_it("cpu") if each.kind == "LLMInferenceService"]
    body = json.loads(json.dumps(document.body))
    body["spec"]["router"]["route"]["http"]["ref"] = body["spec"]["router"]["route"]["http"].pop("refs")
    (problem,) = validate([Document("here", body)], LEVEL.minors[0], crds)
    assert "$.spec.router.route.http.ref" in str(problem)


@both
def test_the_images_are_the_pinned_ones(name: str) -> None:
    images = load_versions()["images"]
    assert main(name)["image"] == images["vllm-cpu" if name == "cpu" else "vllm"]["reference"]
    assert "@sha256:" in main(name)["image"]
    values = yaml.safe_load((CHART / "values.yaml").read_text())["images"]["assistant"]
    assert values == {"repository": "shop-assistant", "tag": images["shop-assistant"]["version"]}


@both
def test_the_edge_is_the_shops_and_the_paths_are_those_of_a_bare_machine(name: str) -> None:
    routes = of_kind(with_it(name), "HTTPRoute")
    assert routes["assistant"]["spec"]["parentRefs"] == routes["shop"]["spec"]["parentRefs"]
    assert routes["assistant"]["spec"]["hostnames"] == routes["shop"]["spec"]["hostnames"]
    (rule,) = routes["assistant"]["spec"]["rules"]
    splits = {model: Split() for model in MODELS}
    (edge,) = route_configuration(splits, EdgeSettings(), Addresses(extras="assistant"))["virtual_hosts"]
    bare = [each["match"]["path"] for each in edge["routes"] if each.get("route", {}).get("cluster") == "assistant"]
    assert [match["path"]["value"] for match in rule["matches"]] == bare
    assert {match["path"]["type"] for match in rule["matches"]} == {"Exact"}, "they win over the gateway's prefix /v1"
    assert rule["timeouts"]["request"] == "0s", "a stream may take longer than the edge's time limit"


@both
def test_the_engine_is_reached_by_kserves_gateway_which_lets_its_two_paths_through(name: str) -> None:
    route = of_kind(with_it(name), "HTTPRoute")[ENGINE]["spec"]
    gateways = load(DEPLOY / "cluster" / "kserve-gateway.yaml")
    ((gateway, body),) = of_kind(gateways, "Gateway").items()
    assert route["parentRefs"] == [{"name": gateway, "namespace": body["metadata"]["namespace"]}]
    assert route["hostnames"] == [environment(with_it(name))["ASSISTANT_UPSTREAM_HOST"]]
    (rule,) = route["rules"]
    services = of_kind(standard_workloads(with_it(name)), "Service")
    ((target, port),) = [(each["name"], each["port"]) for each in rule["backendRefs"]]
    assert port in [each["port"] for each in services[target]["spec"]["ports"]]
    (policy,) = of_kind(gateways, "SecurityPolicy").values()
    (allowed,) = policy["spec"]["authorization"]["rules"]
    pattern = allowed["operation"]["path"]["value"]
    asked = [match["path"]["value"] for match in rule["matches"]]
    inside = ["/metrics", "/v1/completions", "/v1/load_lora_adapter", "/tokenize", "/v1/models/x", "/v1/models2"]
    assert [path for path in [*asked, *inside] if re.fullmatch(pattern, path)] == asked
    assert engine(name)["router"]["route"]["http"]["refs"] == [{"name": ENGINE}]


@both
def test_gateway_and_engine_agree_on_the_model_its_weights_and_its_sizes(name: str) -> None:
    told, model = environment(with_it(name)), engine(name)["model"]
    assert told["ASSISTANT_UPSTREAM_MODEL"] == model["name"]
    assert f"--served-model-name={model['name']}" in main(name)["args"]
    repository, _, revision = model["uri"].removeprefix("hf://").partition(":")
    assert repository == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert told["ASSISTANT_UPSTREAM_REVISION"] == revision
    assert re.fullmatch("[0-9a-f]{40}", revision)
    context = next(int(each.partition("=")[2]) for each in main(name)["args"] if each.startswith("--max-model-len="))
    assert int(told["ASSISTANT_MAX_PROMPT_TOKENS"]) + int(told["ASSISTANT_MAX_TOKENS"]) <= context


def test_every_setting_is_one_that_the_assistant_knows() -> None:
    known = {f"ASSISTANT_{field.upper()}" for field in AssistantSettings.model_fields}
    others = {"SHOP_ASSISTANT_PORT", "SHOP_FEATURES_PORT", "SHOP_API_KEYS", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    told = environment(with_it("cpu"))
    assert set(told) <= known | others
    values = {name.removeprefix("ASSISTANT_").lower(): value for name, value in told.items() if name in known}
    assert AssistantSettings.model_validate(values).upstream.startswith("http://kserve-ingress.")


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_what_all_replicas_may_do_together_does_not_grow_with_their_number(replicas: int) -> None:
    told = environment(changed("cpu", assistant={"enabled": True, "replicas": replicas}))
    assert int(told["ASSISTANT_KEY_TOKENS"]) * replicas == 20_000
    room = 2**30 // 23_040
    assert room - replicas < int(told["ASSISTANT_ROOM_TOKENS"]) * replicas <= room


def test_on_cpus_the_kv_cache_and_the_threads_fit_the_limits() -> None:
    told = {entry["name"]: entry["value"] for entry in main("cpu")["env"]}
    limits = main("cpu")["resources"]["limits"]
    assert told["VLLM_CPU_OMP_THREADS_BIND"] == "nobind", "else it counts the node's cores"
    assert int(told["OMP_NUM_THREADS"]) < int(limits["cpu"]), "one is left for HTTP and tokens"
    assert int(told["VLLM_CPU_KVCACHE_SPACE"]) < int(limits["memory"].removesuffix("Gi"))
    assert not [each for each in main("cpu")["args"] if "kv-cache" in each]
    assert "nvidia.com/gpu" not in limits


def test_on_gpus_it_asks_for_one_and_says_how_much_of_it_the_kv_cache_has() -> None:
    resources, pod = main("gpu")["resources"], engine("gpu")["template"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "1"
    assert f"--kv-cache-memory-bytes={16 * 2**30}" in main("gpu")["args"]
    assert "VLLM_CPU_KVCACHE_SPACE" not in {entry["name"] for entry in main("gpu")["env"]}
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"}
    assert [each["key"] for each in pod["tolerations"]] == ["nvidia.com/gpu"]


@both
def test_a_pod_that_ends_has_time_for_its_answers(name: str) -> None:
    (timeout,) = [int(each.partition("=")[2]) for each in main(name)["args"] if each.startswith("--shutdown-timeout=")]
    (pause,) = main(name)["lifecycle"]["preStop"]["exec"]["command"][1:]
    assert int(pause) + timeout < engine(name)["template"]["terminationGracePeriodSeconds"]
    told = environment(with_it(name))
    pod = of_kind(with_it(name), "Deployment")["assistant"]["spec"]["template"]["spec"]
    drain = float(told["ASSISTANT_DRAIN_S"]) + int(told["ASSISTANT_DRAIN_TIMEOUT_S"])
    assert drain < pod["terminationGracePeriodSeconds"]


@both
def test_the_engine_may_fetch_its_model_and_nothing_else_and_is_reached_by_nobody_but_the_gateway(name: str) -> None:
    policies = of_kind(with_it(name), "NetworkPolicy")
    _dns, hub = policies[ENGINE]["spec"]["egress"]
    assert hub["ports"] == [{"port": 443, "protocol": "TCP"}]
    assert "10.0.0.0/8" in hub["to"][0]["ipBlock"]["except"]
    gateway, prometheus = policies[ENGINE]["spec"]["ingress"]
    assert gateway["from"] == policies["models"]["spec"]["ingress"][0]["from"]
    assert prometheus["from"] == policies["models"]["spec"]["ingress"][1]["from"]


def test_from_a_volume_it_needs_no_way_out_and_fetches_nothing() -> None:
    values = {"enabled": True, "engine": {"model": {"uri": "pvc://language-models/smollm2"}}}
    documents = changed("cpu", assistant=values)
    assert of_kind(documents, "NetworkPolicy")[ENGINE]["spec"]["egress"] == []
    pod = of_kind(standard_workloads(documents), "Deployment")[f"{ENGINE}-kserve"]["spec"]["template"]["spec"]
    assert pod["initContainers"] == []
    assert [str(problem) for problem in check_policy([*documents, *standard_workloads(documents)])] == []
    assert environment(documents)["ASSISTANT_UPSTREAM_REVISION"] == "smollm2"


@both
def test_engines_scale_on_sums_over_them_and_on_a_fixed_number_where_nothing_scales(name: str) -> None:
    spec = engine(name)
    assert "replicas" not in spec, "KServe refuses both"
    for trigger in spec["scaling"]["keda"]["triggers"]:
        assert trigger["type"] == "prometheus"
        assert trigger["metadata"]["query"].startswith("sum(vllm:")
        assert f'pod=~"{ENGINE}-kserve-.*"' in trigger["metadata"]["query"]
        assert float(trigger["metadata"]["threshold"]) > 0
    fixed = changed(name, assistant={"enabled": True}, autoscaling={"enabled": False})
    plain = of_kind(fixed, "LLMInferenceService")[ENGINE]["spec"]
    assert (plain["replicas"], "scaling" in plain) == (1, False)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("knative", {}, "assistant.enabled with rollout.strategy knative: expected another strategy"),
        ("cpu", {"maxTokens": 2048}, "maxPromptTokens 1024 and maxTokens 2048: expected at most engine.contextTokens"),
        (
            "cpu",
            {"engine": {"kvBytesPerToken": 1_000_000}},
            "kvCacheGiB 1: has room for 1073 tokens, expected at least contextTokens 2048",
        ),
        ("cpu", {"engine": {"model": {"uri": "hf://HuggingFaceTB/SmolLM2-135M-Instruct"}}}, "uri"),
        ("cpu", {"engine": {"model": {"uri": "hf://HuggingFaceTB/SmolLM2-135M-Instruct:main"}}}, "uri"),
        ("cpu", {"engine": {"kvCacheGiB": 1.5}}, "kvCacheGiB"),
    ],
)
def test_what_cannot_work_is_refused_by_name(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=re.escape(message)):
        changed(name, assistant={"enabled": True, **values})


def test_the_gpu_values_say_nothing_of_it_where_it_is_off() -> None:
    (file,) = values_files("gpu")
    assert "enabled" not in yaml.safe_load(file.read_text())["assistant"]
