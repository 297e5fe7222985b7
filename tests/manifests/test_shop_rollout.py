"""How level 3's chart lets the versions of a model share traffic, by each strategy, and how one is promoted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from shop.endpoints import ENDPOINTS, MODELS
from tests.shop_chart import (
    CHART,
    changed,
    each_variant,
    hosts,
    of_kind,
    predictors,
    services,
    values_files,
    variant,
)
from workbench.manifests import ManifestError, chart_notes, standard_workloads

if TYPE_CHECKING:
    from pathlib import Path


@each_variant
def test_the_mode_is_written_on_every_service_for_the_controllers_default_is_the_other(name: str) -> None:
    wanted = "Knative" if name == "knative" else "Standard"
    modes = [each["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] for each in services(name).values()]
    assert modes == [wanted] * len(modes)
    assert set(services(name)) >= set(MODELS)


def test_a_canary_is_a_second_predictor_with_a_share_and_no_scaling_of_its_own() -> None:
    for model, body in services("cpu").items():
        stable, (canary,) = body["spec"]["predictor"], body["spec"]["canary"]
        assert (canary["trafficPercent"], canary["predictor"]["name"], stable["name"]) == (10, "v2", "v1")
        assert canary["predictor"]["model"]["name"] == ""  # required, and empty
        assert not {"maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"} & set(canary["predictor"])
        assert canary["predictor"]["annotations"] == {"serving.kserve.io/autoscalerClass": "none"}
        assert canary["predictor"]["minReplicas"] <= stable["minReplicas"]
        assert stable["model"]["storageUri"].endswith("/onnxruntime/1"), model
        assert canary["predictor"]["model"]["storageUri"].endswith("/onnxruntime/2")


def test_without_weight_there_is_no_canary_to_pay_for() -> None:
    assert all("canary" not in body["spec"] for body in services("defaults").values())
    assert set(of_kind(changed("fallback-0.20", models={"fraud": {"weight": 0}}), "InferenceService")) == {
        "fraud", "personalisation", "personalisation-candidate", "ranking", "ranking-candidate",
    }  # fmt: skip


PROMOTED = {"ranking": {"stable": "2", "candidate": "3", "weight": 0}}
PROMOTION = "ranking-v2-predictor"


@pytest.mark.parametrize("scaled", [False, True])
def test_a_promotion_starts_nothing_anew_unless_an_autoscaler_comes_with_it(scaled: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    def pods(models: dict[str, Any]) -> dict[str, Any]:
        documents = changed("cpu", autoscaling={"enabled": scaled}, models=models)
        found: dict[str, Any] = of_kind(standard_workloads(documents), "Deployment")[PROMOTION]["spec"]
        return found

    before, after = pods({"ranking": {"weight": 100}}), pods(PROMOTED)
    assert (before["template"] == after["template"]) is not scaled
    assert before["template"]["spec"] == after["template"]["spec"]
    # Where the pods are replaced, each new one is ready before an old one goes.
    assert after["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize(("weight", "servers"), [(1, 1), (25, 1), (26, 2), (60, 3), (100, 4)])
@pytest.mark.parametrize("name", ["cpu", "fallback-0.20"])
def test_a_candidate_has_its_share_of_the_servers_so_that_a_promotion_finds_enough(
    name: str, weight: int, servers: int
) -> None:
    documents = changed(name, models={"ranking": {"minReplicas": 4, "weight": weight}})
    found = of_kind(documents, "InferenceService")
    if name == "cpu":
        candidate = found["ranking"]["spec"]["canary"][0]["predictor"]
    else:
        candidate = found["ranking-candidate"]["spec"]["predictor"]
        assert candidate["maxReplicas"] == servers
    assert candidate["minReplicas"] == servers
    stable = found["ranking"]["spec"]["predictor"]
    assert candidate["minReplicas"] <= stable["minReplicas"] == 4


def test_the_notes_lead_a_candidate_to_all_the_traffic_before_it_is_promoted(tmp_path: Path) -> None:
    shown = {}
    for weight in (10, 100):
        file = tmp_path / f"{weight}.yaml"
        file.write_text(f"models: {{ranking: {{weight: {weight}}}}}\n")
        shown[weight] = chart_notes(CHART, [*values_files("defaults"), file], release="shop", namespace="shop")
    assert "--set models.ranking.weight=100" in shown[10]
    assert "set that to as many as version 1 has at the moment" in shown[10]
    assert "stable=2" not in shown[10], "a promotion from 10 % would leave all traffic to one server"
    assert "--set models.ranking.stable=2,models.ranking.weight=0" in shown[100]


def test_in_knative_mode_the_candidate_is_a_revision_with_a_share() -> None:
    upgraded = of_kind(changed("knative", upgrade=True, models={"ranking": {"weight": 10}}), "InferenceService")
    spec = upgraded["ranking"]["spec"]
    assert "canary" not in spec
    assert spec["predictor"]["canaryTrafficPercent"] == 10
    assert spec["predictor"]["model"]["storageUri"].endswith("/2")
    assert "canaryTrafficPercent" not in upgraded["fraud"]["spec"]["predictor"]
    (container,) = of_kind(variant("knative"), "ServingRuntime")["shop-triton"]["spec"]["containers"]
    assert [port["name"] for port in container["ports"]] == ["http1"]  # Knative takes one port, called so


def test_knatives_first_installation_serves_the_stable_version_and_refuses_a_share_of_nothing() -> None:
    for body in services("knative").values():
        assert body["spec"]["predictor"]["model"]["storageUri"].endswith("/1")
        assert "canaryTrafficPercent" not in body["spec"]["predictor"]
    with pytest.raises(ManifestError, match=r"models\.ranking\.weight 10: expected 0 in the first installation"):
        changed("knative", models={"ranking": {"weight": 10}})


def test_up_to_kserve_0_20_two_services_stand_behind_one_route() -> None:
    for model in MODELS:
        route = of_kind(variant("fallback-0.20"), "HTTPRoute")[f"{model}-route"]["spec"]
        ((rule,), (host,)) = route["rules"], route["hostnames"]
        weights = {each["name"]: each["weight"] for each in rule["backendRefs"]}
        assert weights == {f"{model}-predictor": 90, f"{model}-candidate-predictor": 10}
        assert hosts("fallback-0.20")[model] == host
    assert all("canary" not in body["spec"] for body in services("fallback-0.20").values())


def test_the_charts_own_route_lets_through_what_the_gateway_asks_and_no_control() -> None:
    for model in MODELS:
        (rule,) = of_kind(variant("fallback-0.20"), "HTTPRoute")[f"{model}-route"]["spec"]["rules"]
        (path,) = [match["path"] for match in rule["matches"]]
        assert path["type"] == "RegularExpression"
        of_model = f"/v2/models/{model}"
        let = ["/v2", "/v2/health/ready", of_model, f"{of_model}/infer", f"{of_model}/versions/2/ready"]
        refused = [
            "/v2/repository/index", f"/v2/repository/models/{model}/load", f"{of_model}/trace/setting", "/v2/logging",
            "/v2/systemsharedmemory/region/x/register", "/v2/trace/setting", "/v2/models/other/infer", "/metrics", "/",
        ]  # fmt: skip
        assert [asked for asked in [*let, *refused] if re.fullmatch(path["value"], asked)] == let


def test_at_the_edge_a_request_is_told_its_version_and_cannot_choose() -> None:
    documents = changed("minikube", models={"ranking": {"weight": 25}})
    rules = of_kind(documents, "HTTPRoute")["shop"]["spec"]["rules"]
    shares: dict[str, dict[str, int]] = {}
    for rule in rules[:-1]:
        for backend in rule["backendRefs"]:
            ((header,),) = (each["requestHeaderModifier"]["set"] for each in backend["filters"])
            assert header["name"] == "x-model-version"
            shares.setdefault(rule["matches"][0]["path"]["value"], {})[header["value"]] = backend["weight"]
    assert shares == {
        each.path: {"1": 75, "2": 25} if each.model == "ranking" else {"1": 100, "2": 0} for each in ENDPOINTS
    }
    assert rules[-1]["filters"][0]["requestHeaderModifier"]["remove"] == ["x-model-version"]
    assert all(each["model"]["storageUri"].endswith("/python/all") for each in predictors("minikube"))
