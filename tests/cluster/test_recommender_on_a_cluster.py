"""Level 2 through Seldon's operator: deployed as ``make`` does it, asked by its client, changed and killed under load.

It needs the operator, an engine with the images of ``make image-1`` and ``image-2``, a volume for the inventory,
and to be told how images come to the nodes where the context's name does not say it: ``IMAGES=ctr make test-cluster``.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from servekit.shares import wilson
from tests.cluster.calls import Load, deployed, makes, proxy, under_load
from tests.cluster.conftest import apply, asked, kubectl, need_running, pod
from tests.patience import until
from tests.prometheus_program import needs_prometheus
from tests.rated_series import samples
from tests.rule_evaluation import have_data
from workbench.manifests import build
from workbench.versions import ROOT, cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster

LEVEL = cluster(2)
SPACE = LEVEL.profile
PIPELINE, EXECUTOR, SHADOW = "seldondeployment/recommender", "seldon-container-engine", "recommender-shadow"
OURS = ("--selector", "app.kubernetes.io/managed-by=seldon-core")
DRAINS = ROOT / "02-intermediate-seldon-pipeline/deploy/executor-drains.yaml"
RULES = ROOT / "infra/prometheus/rules/pipeline.yaml"
PREDICTIONS = "/api/v1.0/predictions"
BODY = json.dumps({"jsonData": {"user": 196}})
LOAD = Load(f"http://recommender-default.{SPACE}.svc:8000{PREDICTIONS}", BODY, rate=40, seconds=80)
OVERLAYS = ROOT / "02-intermediate-seldon-pipeline/deploy/overlays"
SURE_Z, SLOW_S = 4.0, 300.0
QUIET_S = 60
FAILURES = 20
END = "import os, signal; os.kill(1, signal.SIGTERM)"


@pytest.fixture(scope="module")
def context() -> Iterator[str]:
    """Level 2, and a pod beside it that sends load; deleted at the end."""
    need_running("Seldon Core's operator", "control-plane=seldon-controller-manager")
    with deployed(2, {"recommender.example.com/client": "true"}) as current:
        yield current


@pytest.fixture
def drains() -> Iterator[None]:
    """The policy that gives each executor a pause before it stops."""
    if "mutatingadmissionpolicies" not in kubectl("get", "--raw", "/apis/admissionregistration.k8s.io/v1"):
        pytest.skip("the cluster has no MutatingAdmissionPolicy: Kubernetes 1.36 does")
    try:
        kubectl("apply", "-f", str(DRAINS))
        until(_would_pause, "the API server adds the pause")
        yield
    finally:
        kubectl("delete", "--ignore-not-found", "-f", str(DRAINS))


def _would_pause() -> bool:
    """Whether a pod that is made now gets the pause; it is tried on the server, and not made."""
    tried = pod("tried", SPACE, {}, [])
    tried["spec"]["containers"][0]["name"] = EXECUTOR
    tried["spec"]["terminationGracePeriodSeconds"] = 30  # a pod that has less than the pause is refused
    return "preStop" in kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", given=json.dumps(tried))


def pods() -> list[Any]:
    """The pods of the pipeline, those too that are about to go."""
    listed: list[Any] = json.loads(kubectl("--namespace", SPACE, "get", "pods", *OURS, "-o", "json"))["items"]
    return listed


def generations() -> dict[str, int]:
    listed = json.loads(kubectl("--namespace", SPACE, "get", "deployments", *OURS, "-o", "json"))["items"]
    return {each["metadata"]["name"]: each["metadata"]["generation"] for each in listed}


def changed(seconds: int) -> None:
    """Changes how long a pod may take to stop, and waits until those of before are gone and the new one answers."""
    old = [each["metadata"]["name"] for each in pods()]
    path = "/spec/predictors/0/componentSpecs/0/spec/terminationGracePeriodSeconds"
    change = [{"op": "replace", "path": path, "value": seconds}]
    kubectl("--namespace", SPACE, "patch", PIPELINE, "--type=json", f"--patch={json.dumps(change)}")
    kubectl("--namespace", SPACE, "wait", "pod", *old, "--for=delete", "--timeout=240s")
    kubectl("--namespace", SPACE, "wait", PIPELINE, "--for=jsonpath={.status.state}=Available", "--timeout=180s")
    assert [each["spec"]["terminationGracePeriodSeconds"] for each in pods()] == [seconds]


def pauses() -> list[bool]:
    """Whether each executor has a pause before it stops."""
    containers = [each for one in pods() for each in one["spec"]["containers"]]
    return ["lifecycle" in each for each in containers if each["name"] == EXECUTOR]


def lost(found: dict[str, object], load: Load) -> int:
    answers = found["answers"]
    assert isinstance(answers, dict)
    assert sum(answers.values()) == load.requests, "each has an end"
    return int(load.requests - answers["200"])


def test_every_recommendation_through_the_operator_is_numpys(context: str, seen: Callable[[str], None]) -> None:
    said = makes("client-2", context).splitlines()
    seen("; ".join(said[-2:]))
    assert said[-1] == "every answer matches NumPy's"


def test_after_a_change_the_operator_comes_to_rest(context: str, seen: Callable[[str], None]) -> None:
    """Predictors without a number of replicas were rewritten 20 times a second, for ever."""
    assert context
    before = generations()
    changed(31)
    after = generations()
    time.sleep(QUIET_S)
    seen(f"generations {before} → {after}, {QUIET_S} s later {generations()}")
    assert before != after
    assert generations() == after


def test_an_update_without_the_executors_pause_loses_few_requests(context: str, seen: Callable[[str], None]) -> None:
    """What the README says of a cluster without the policy: this counts it."""
    assert context
    if pauses() != [False]:
        pytest.skip("who runs the cluster gave the executor its pause already")
    with under_load(LOAD) as found:
        changed(32)
    seen(f"{LOAD.rate}/s for {LOAD.seconds} s: {lost(found, LOAD)} lost; {found}")
    assert lost(found, LOAD) <= 0.05 * LOAD.requests


@pytest.mark.usefixtures("drains")
def test_an_update_with_the_executors_pause_loses_no_request(context: str, seen: Callable[[str], None]) -> None:
    assert context
    changed(33)
    assert pauses() == [True]
    with under_load(LOAD) as found:
        changed(34)
    seen(f"{LOAD.rate}/s for {LOAD.seconds} s: {lost(found, LOAD)} lost; {found}")
    assert lost(found, LOAD) == 0


@needs_prometheus
def test_a_step_that_is_killed_is_named_by_the_alert(context: str, tmp_path: Path, seen: Callable[[str], None]) -> None:
    """The executor's own metrics, before and after requests that a step did not answer."""
    assert context
    (one,) = pods()
    name = one["metadata"]["name"]
    load = Load(f"http://{one['status']['podIP']}:8000{PREDICTIONS}", BODY, rate=10, seconds=60)
    with under_load(load) as found:
        _killed_until(name, 1)
        before = metrics(name)
        _killed_until(name, failures(before) + FAILURES)
        after = metrics(name)
    (alert,) = [rule["expr"] for rule in _rules() if rule.get("alert") == "StepFailing"]
    model = 'label_replace(vector(1), "model_name", "model", "", "")'
    named = [f"({alert}) and on (model_name) {model}", f"absent(({alert}) unless on (model_name) {model})"]
    said = have_data(tmp_path, [before, after], named)
    seen(f"{found}; StepFailing names {'the model alone' if said == '' else 'not the model, or another step'}")
    assert said == ""


def _killed_until(name: str, failed: float) -> None:
    """Ends the model's process whenever it runs, until so many requests failed."""

    def enough() -> bool:
        asked("--namespace", SPACE, "exec", name, "--container=model", "--", "python", "-I", "-c", END)
        return failures(metrics(name)) >= failed

    until(enough, f"{failed:g} requests failed")


def metrics(name: str) -> str:
    return kubectl("get", "--raw", f"/api/v1/namespaces/{SPACE}/pods/{name}:8000/proxy/prometheus")


def failures(exposition: str) -> float:
    counted = "seldon_api_executor_server_requests_seconds_count"
    found = [each for each in samples(exposition) if each[0] == counted and each[1]["code"].startswith("5")]
    return sum(value for _, _, value in found)


def _rules() -> list[Any]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_a_gateway_gives_the_canary_its_share(context: str, seen: Callable[[str], None]) -> None:
    """One request in ten; the operator alone gives it none."""
    assert context
    load = through_gateway("canary-gateway", 80)
    until(lambda: len(by_version(load._replace(seconds=5))) == 2, "both versions answer", SLOW_S)
    counted = by_version(load)
    low, high = wilson(counted["2"], load.requests, SURE_Z)
    seen(f"answers by version {dict(counted)}; so version 2 gets between {low:.1%} and {high:.1%}")
    assert sum(counted.values()) == load.requests
    assert low <= 0.1 <= high


def test_a_gateway_gives_the_shadow_a_copy_of_each_request(context: str, seen: Callable[[str], None]) -> None:
    assert context
    load = through_gateway("shadow-gateway", 20)
    until(lambda: by_version(load._replace(seconds=1)) and copies(), "the shadow gets copies", SLOW_S)
    time.sleep(QUIET_S)  # until the last of those copies is answered
    before = copies()
    counted = by_version(load)
    until(lambda: copies() - before >= load.requests, "each request is copied")
    seen(f"answers by version {dict(counted)}; the shadow answered {copies() - before:,.0f}")
    assert counted == {"1": load.requests}
    assert copies() - before == load.requests


def through_gateway(overlay: str, seconds: int) -> Load:
    """Applies what the overlay adds, for a node as small as the cluster's; requests to its Gateway."""
    need_running("Envoy Gateway", "control-plane=envoy-gateway")
    ours = kubectl("--namespace", SPACE, "get", PIPELINE, "-o", "json")
    images = {each["name"]: each["image"] for each in _containers(json.loads(ours)["spec"]["predictors"][0])}
    added = {each.kind: each.body for each in build(OVERLAYS / overlay)}
    pipeline = added["SeldonDeployment"]
    for predictor in pipeline["spec"]["predictors"]:
        predictor["svcOrchSpec"]["resources"]["requests"]["cpu"] = "20m"
        for container in _containers(predictor):
            container["resources"]["requests"]["cpu"] = "20m"
            container["image"] = images[container["name"]]
    apply([pipeline, added["Gateway"], added["HTTPRoute"]])
    return Load(
        f"{proxy('recommender', SPACE).url}{PREDICTIONS}",
        BODY,
        rate=25,
        seconds=seconds,
        counted=r'"version": ?"(\d+)"',
    )


def _containers(predictor: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = predictor["componentSpecs"][0]["spec"]["containers"]
    return found


def by_version(load: Load) -> Counter[str]:
    """Sends the requests; how many answers each version gave, and what others there were."""
    with under_load(load) as found:
        pass
    answers = found["answers"]
    assert isinstance(answers, dict)
    return Counter({words.removeprefix("200, "): count for words, count in answers.items()})


def copies() -> float:
    """How many predictions the shadow's executor has answered."""
    (name,) = [each["metadata"]["name"] for each in pods() if each["metadata"]["labels"]["seldon-app"] == SHADOW]
    counted = "seldon_api_executor_server_requests_seconds_count"
    return sum(value for series, _, value in samples(metrics(name)) if series == counted)
