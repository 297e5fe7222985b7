"""Level 3 through KServe and Envoy Gateway: deployed as make does it, asked at its edge, changed and killed under load.

It needs both operators, an engine with the images of ``make image-3``, `probe_image`, two volumes of 1 GiB, and
to be told how images come to the nodes where the context's name does not say it: ``IMAGES=ctr make test-cluster``.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from servekit.shares import wilson
from tests.cluster.calls import SPACE as CALLERS
from tests.cluster.calls import Load, deployed, makes, proxy, under_load
from tests.cluster.conftest import kubectl, need_metrics, need_running
from tests.patience import until
from workbench.cluster.deploy import find_overlay
from workbench.cluster.reach import Forward, forwarded
from workbench.cluster.rollout import await_all
from workbench.cluster.target import KubeContext
from workbench.manifests import render_chart
from workbench.manifests.documents import parse
from workbench.versions import cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.cluster

LEVEL = cluster(3)
SPACE = LEVEL.profile
MINIKUBE = find_overlay(3)
CHART = MINIKUBE.parent.parent
MODELS = {"fraud", "personalisation", "ranking"}
HOST = "localhost"
PATIENT = {"gateway": {"replicas": 2, "deadlineMs": 5000}, "edge": {"timeoutMs": 9000}}
"""So that an answer that is late on a busy machine is not taken for one that was lost."""

SERIES = itertools.count(1)
RATE, WEIGHT = 25, 25
SURE_Z = 4.0
"""Standard errors: a right share is called wrong once in 16,000 runs."""
SLOW_S = 300.0


class Told(NamedTuple):
    """What became of the requests: answers by version, those of a fallback, those turned away (429), and the rest."""

    versions: Counter[str]
    degraded: int
    turned_away: int
    failures: Counter[str]

    @classmethod
    def of(cls, found: dict[str, object]) -> Told:
        answers = found["answers"]
        assert isinstance(answers, dict)
        told = cls(Counter(), 0, answers.get("429", 0), Counter())
        for words, count in answers.items():
            status, *said = words.split(", ")
            if status != "200":
                told.failures[words] += count * (status != "429")
            elif said[1:]:
                told = told._replace(degraded=told.degraded + count)
            else:
                told.versions[said[0]] += count
        return told._replace(failures=+told.failures)

    @property
    def failed(self) -> int:
        """Of the requests, those left without an answer: a busy gateway may say that it is busy."""
        return self.failures.total()

    def __str__(self) -> str:
        shares = "; ".join(f"{count:,} by version {version}" for version, count in sorted(self.versions.items()))
        said = f"; failed: {dict(self.failures)}" if self.failures else ", 0 failed"
        return f"{shares}; {self.degraded} by a fallback, {self.turned_away} turned away{said}"


@pytest.fixture(scope="module")
def context() -> Iterator[str]:
    """Level 3, and a pod elsewhere that sends load; deleted at the end."""
    need_running("KServe's controller", "control-plane=kserve-controller-manager")
    need_running("Envoy Gateway", "control-plane=envoy-gateway")
    with deployed(3, {}) as current:
        yield current


@pytest.fixture
def url(context: str) -> Iterator[str]:
    """Where the edge is reached from here."""
    edge = proxy("edge", SPACE)
    with forwarded(KubeContext(context), edge.namespace, Forward("SHOP_PORT", edge.service, 80)) as port:
        yield f"http://{HOST}:{port}"


def searches(rate: int, seconds: int) -> Load:
    """Searches, each another one: no version finds in the cache what another one computed."""
    body = {"user": "#", "query": {"category": 3, "price": next(SERIES)}, "candidates": list(range(12))}
    where, said = f"{proxy('edge', SPACE).url}/v1/search", json.dumps(body).replace('"#"', "#")
    return Load(where, said, rate, seconds, HOST, r"(?<=x-model-version: )\d+|x-degraded")


def told(load: Load) -> Told:
    with under_load(load) as found:
        pass
    return Told.of(found)


def image(what: str, field: str) -> dict[str, str]:
    """What the chart is to be told so that it keeps an image."""
    tagged, at, digest = kubectl("--namespace", SPACE, "get", what, "-o", f"jsonpath={field}").partition("@")
    repository, _, tag = tagged.rpartition(":")
    return {"repository": repository, "tag": f"{tag}{at}{digest}"}


def serves(context: str, **values: dict[str, Any]) -> None:
    """Gives the chart other values, and waits for what they change."""
    images = {
        "gateway": image("deployment/gateway", "{.spec.template.spec.containers[0].image}"),
        "triton": image("servingruntime/shop-triton", "{.spec.containers[0].image}"),
    }
    overrides = PATIENT | values | {"images": images}
    text = render_chart(CHART, [MINIKUBE], release=SPACE, namespace=SPACE, overrides=overrides, upgrade=True)
    kubectl("apply", "-f", "-", given=text)
    await_all(KubeContext(context), parse(text, "the chart"))


def serves_ranking(context: str, strategy: str, **model: object) -> None:
    serves(context, rollout={"strategy": strategy}, models={"ranking": model})


def until_answered_by(*versions: str) -> None:
    """Waits until these versions answer, and no other."""
    until(lambda: set(told(searches(RATE, 2)).versions) == set(versions), f"answered by {versions}", SLOW_S)


def test_every_inference_service_is_ready(context: str, seen: Callable[[str], None]) -> None:
    assert context
    listed = json.loads(kubectl("--namespace", SPACE, "get", "inferenceservices", "-o", "json"))["items"]
    ready = {
        each["metadata"]["name"]: each["metadata"]["creationTimestamp"] + " → " + condition["lastTransitionTime"]
        for each in listed
        for condition in each["status"]["conditions"]
        if condition["type"] == "Ready" and condition["status"] == "True"
    }
    seen(f"created → ready: {ready}")
    assert set(ready) == MODELS


def test_every_answer_at_the_edge_is_onnx_runtimes(context: str, url: str, seen: Callable[[str], None]) -> None:
    serves(context)
    said = makes("client-3", url).splitlines()
    seen("; ".join(said[-2:]))
    assert said[-1] == "every answer matches ONNX Runtime's"


def test_the_edge_keeps_the_sla(url: str, seen: Callable[[str], None]) -> None:
    (verdict,) = [line for line in makes("sla-3", url).splitlines() if line.startswith("SLA ")]
    seen(verdict)
    assert verdict.startswith("SLA met")


ASK = """
import http.client, sys
host, name, *paths = sys.argv[1:]
connection = http.client.HTTPConnection(host, timeout=30)
for path in paths:
    connection.request("GET", path, headers={"host": name})
    answer = connection.getresponse()
    answer.read()
    print(answer.status)
"""


def test_kserves_gateway_lets_a_model_be_asked_and_not_controlled(context: str, seen: Callable[[str], None]) -> None:
    assert context
    host = f"kserve-ingress.{proxy('edge', SPACE).namespace}.svc"
    asked = ["/v2/models/ranking/ready", "/v2/models/ranking/config"]
    refused = ["/v2/repository/index", "/v2/systemsharedmemory/status", "/v2/models/ranking/trace/setting"]
    words = ["python3", "-I", "-c", ASK, host, f"ranking-{SPACE}.example.com", *asked, *refused]
    statuses = kubectl("--namespace", CALLERS, "exec", "load", "--", *words).split()
    seen(", ".join(f"{path} {status}" for path, status in zip(asked + refused, statuses, strict=True)))
    assert statuses == ["200"] * len(asked) + ["403"] * len(refused)


def test_the_edge_gives_a_candidate_its_share(context: str, seen: Callable[[str], None]) -> None:
    """The HTTPRoute of the edge draws the version of each request."""
    serves_ranking(context, "edge", weight=WEIGHT)
    until_answered_by("1", "2")
    has_its_share(seen)


def test_kserve_gives_a_canary_its_share(context: str, seen: Callable[[str], None]) -> None:
    """The weights of ``spec.canary`` are in KServe's own HTTPRoute."""
    serves_ranking(context, "canary", weight=WEIGHT)
    until_answered_by("1", "2")
    has_its_share(seen)


def has_its_share(seen: Callable[[str], None]) -> None:
    counted = told(searches(RATE, 60))
    of = counted.versions.total()
    low, high = wilson(counted.versions["2"], of, SURE_Z)
    seen(f"weight {WEIGHT}: {counted}; so between {low:.1%} and {high:.1%}")
    assert counted.failed == 0
    assert of >= 0.5 * RATE * 60, "nobody draws a version for who is turned away"
    assert low <= WEIGHT / 100 <= high


def test_a_version_is_taken_back_and_promoted_without_a_failed_request(
    context: str, seen: Callable[[str], None]
) -> None:
    """What the README says of a release, step by step."""
    serves_ranking(context, "canary", weight=0)
    until_answered_by("1")
    with under_load(searches(10, 1800), stops=True) as found:
        for model, versions in (
            ({"weight": WEIGHT}, ["1", "2"]),
            ({"weight": 0}, ["1"]),
            ({"weight": 100}, ["2"]),
            ({"stable": "2", "candidate": "3", "weight": 0}, ["2"]),
        ):
            serves_ranking(context, "canary", **model)
            until_answered_by(*versions)
    counted = Told.of(found)
    seen(str(counted))
    assert counted.failed == 0
    assert counted.degraded <= 0.02 * counted.versions.total(), "few, on a busy machine"


def test_a_gateway_that_is_killed_costs_what_it_was_answering_and_no_more(
    context: str, seen: Callable[[str], None]
) -> None:
    serves(context)
    until_answered_by("1")
    with under_load(searches(RATE, 60)) as found:
        killed("app.kubernetes.io/name=gateway")
        kubectl("--namespace", SPACE, "rollout", "status", "deployment/gateway", "--timeout=180s")
    counted = Told.of(found)
    seen(str(counted))
    assert counted.failed <= RATE, "no more than one second's"


def test_while_a_model_server_is_gone_a_fallback_answers(context: str, seen: Callable[[str], None]) -> None:
    """There is one server of each model here: nobody else could."""
    serves(context)
    until_answered_by("1")
    with under_load(searches(RATE, 60)) as found:
        killed("serving.kserve.io/inferenceservice=ranking")
        until_answered_by("1")
    counted = Told.of(found)
    seen(str(counted))
    assert counted.failed == 0
    assert counted.degraded > 0


def killed(selector: str) -> None:
    """Ends a pod at once, as a node that dies does."""
    found = ("get", "pods", "--selector", selector, "--field-selector=status.phase=Running", "-o", "name")
    first = kubectl("--namespace", SPACE, *found).split()[0]
    kubectl("--namespace", SPACE, "delete", first, "--grace-period=0", "--force")


def test_more_load_starts_another_gateway(context: str, seen: Callable[[str], None]) -> None:
    """By CPU alone, where prometheus-adapter gives no requests a second."""
    need_metrics()
    one_or_two = {"enabled": True, "minReplicas": 1, "maxReplicas": 2}
    serves(context, gateway={"deadlineMs": 5000, "autoscaling": one_or_two})
    ready = ("--namespace", SPACE, "get", "deployment/gateway", "-o", "jsonpath={.status.readyReplicas}")
    until(lambda: kubectl(*ready) == "1", "one gateway")
    with under_load(searches(4 * RATE, 600), stops=True) as found:
        until(lambda: kubectl(*ready) == "2", "two gateways", SLOW_S)
    state = kubectl("--namespace", SPACE, "get", "hpa/gateway", "--no-headers")
    seen(f"{' '.join(state.split())}; {Told.of(found)}")
    assert Told.of(found).failed == 0
