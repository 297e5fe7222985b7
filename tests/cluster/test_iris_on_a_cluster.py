"""Level 1 on a real cluster: deployed as ``make`` does it, asked by its own client, updated and killed under load.

It needs an engine with the image of ``make image-1``, and to be told how images come to the nodes where the context's
name does not say it: ``IMAGES=ctr make test-cluster``; for the autoscaler, metrics-server.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.calls import Load, deployed, makes, under_load
from tests.cluster.conftest import apply, asked, kubectl, need_metrics
from tests.patience import until
from workbench.cluster.deploy import deploy, find_overlay
from workbench.images import find_engine
from workbench.manifests import build
from workbench.versions import ROOT, cluster

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster

LEVEL = cluster(1)
SPACE = LEVEL.profile
DEPLOYMENT = "deployment/iris-api"
PRODUCTION = ROOT / "01-beginner-iris-api/deploy/overlays/production"
FLOWER = {"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}
RATE, SECONDS, PODS = 100, 40, 2
LOAD = Load(f"http://iris-api.{SPACE}.svc:8100/v1/predict", json.dumps(FLOWER), RATE, SECONDS)
BUSY = LOAD._replace(rate=400, seconds=90)
SMALL = "20m"
"""So little CPU that `BUSY` is more than one pod's share of it, on any machine."""


@pytest.fixture(scope="module")
def context() -> Iterator[str]:
    """Level 1, two pods of it, and a pod beside it that sends load; deleted at the end."""
    with deployed(1, {}) as current:
        kubectl("--namespace", SPACE, "scale", DEPLOYMENT, f"--replicas={PODS}")
        settled()
        yield current


def settled() -> None:
    """Waits until as many pods as there are to be are ready, and no other is left."""
    kubectl("--namespace", SPACE, "rollout", "status", DEPLOYMENT, "--timeout=180s")
    until(lambda: len(pods()) == PODS, "the pods of before are gone")


def pods(field: str = ".metadata.name") -> list[str]:
    return kubectl("--namespace", SPACE, "get", "pods", "-o", f"jsonpath={{.items[*]{field}}}").split()


def test_the_client_of_level_1_gets_right_answers_over_every_protocol(
    context: str, seen: Callable[[str], None]
) -> None:
    said = makes("client-1", context).splitlines()
    seen(f"make client-1 CONTEXT={context}: {said[-1]}")
    assert said[-1].startswith("every answer agrees with scikit-learn")
    assert "OIP, gRPC" in "".join(said)


def test_level_1_conforms_to_the_open_inference_protocol(context: str, seen: Callable[[str], None]) -> None:
    said = makes("conformance-1", context).splitlines()[-1]
    seen(said)
    assert said.startswith("conforms: ")
    assert said.endswith(" 0 skipped")


def test_the_exam_of_level_1_gives_every_point_that_a_cluster_can_earn(
    context: str, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    """Its pods are replaced and killed under the exam's own load; no pod that sent it is left."""
    before = set(pods())
    makes("exam-1", context, "YES=1", f"ARGS=--out {tmp_path}")
    settled()
    result = json.loads((tmp_path / "1.json").read_bytes())
    seen(f"{result['points']} of 100, {result['earned']} of {result['judged']}: {result['criteria'][-1]['seen']}")
    assert (result["points"], result["left_out"]) == (100, ["traces", "audit"])
    assert (result["cluster"]["context"], result["cluster"]["namespace"]) == (context, SPACE)
    assert result["cluster"]["images"]
    assert not before & set(pods())


def test_a_rolling_update_loses_no_request(context: str, seen: Callable[[str], None]) -> None:
    assert context
    before = set(pods())
    with under_load(LOAD) as found:
        kubectl("--namespace", SPACE, "rollout", "restart", DEPLOYMENT)
        settled()
        assert not before & set(pods())
    seen(f"{RATE}/s for {SECONDS} s: {found}")
    assert found["answers"] == {"200": LOAD.requests}


def test_a_pod_that_is_killed_costs_what_it_was_answering_and_no_more(
    context: str, seen: Callable[[str], None]
) -> None:
    assert context
    with under_load(LOAD) as found:
        kubectl("--namespace", SPACE, "delete", "pod", pods()[0], "--grace-period=0", "--force")
        settled()
    answers = found["answers"]
    assert isinstance(answers, dict)
    lost = LOAD.requests - answers["200"]
    seen(f"{RATE}/s for {SECONDS} s: {lost} lost; {found}")
    assert sum(answers.values()) == LOAD.requests, "each has an end"
    assert lost <= RATE, "no more than one second's"


def test_a_second_pod_is_not_evicted_before_the_first_is_replaced(context: str, seen: Callable[[str], None]) -> None:
    assert context
    budget = production("PodDisruptionBudget")
    apply([budget])
    where = f"poddisruptionbudget/{budget['metadata']['name']}"
    allowed = ("--namespace", SPACE, "get", where, "-o", "jsonpath={.status.disruptionsAllowed}")
    until(lambda: kubectl(*allowed) == "1", "the budget has counted the pods")
    first, second = pods()[:2]
    one, other = evicted(first), evicted(second)
    settled()
    kubectl("--namespace", SPACE, "delete", where)
    seen(f"first: {one.returncode == 0}; second: {other.stderr.strip()}")
    assert one.returncode == 0, one.stderr
    assert "would violate the pod's disruption budget" in other.stderr


def production(kind: str) -> dict[str, Any]:
    """The one object of that kind in the overlay for production."""
    (found,) = [document.body for document in build(PRODUCTION) if document.kind == kind]
    return found


def evicted(name: str) -> subprocess.CompletedProcess[str]:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": SPACE}}
    where = f"/api/v1/namespaces/{SPACE}/pods/{name}/eviction"
    return asked("create", "--raw", where, "-f", "-", given=json.dumps(body))


def test_an_image_that_is_built_again_is_what_runs_then(
    context: str, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    assert context
    engine, before = find_engine(), set(pods(".spec.containers[0].image"))
    original = engine.run("image", "inspect", "--format={{.Id}}", "iris-api:dev")
    (tmp_path / "Dockerfile").write_text("FROM iris-api:dev\nLABEL built=again\n")
    engine.run("build", "--quiet", "--tag", "iris-api:dev", str(tmp_path))
    try:
        deploy(LEVEL, find_overlay(1))
    finally:
        engine.run("tag", original, "iris-api:dev")
    settled()
    after = set(pods(".spec.containers[0].image"))
    seen(f"{', '.join(before)} → {', '.join(after)}")
    assert len(after) == 1
    assert not before & after


def test_the_autoscaler_adds_a_pod_when_the_load_asks_for_it(context: str, seen: Callable[[str], None]) -> None:
    """Production's autoscaler, from one pod on, so that a small node has room for what it adds."""
    assert context
    need_metrics()
    kubectl("--namespace", SPACE, "set", "resources", DEPLOYMENT, f"--requests=cpu={SMALL}")
    kubectl("--namespace", SPACE, "scale", DEPLOYMENT, "--replicas=1")
    until(lambda: len(pods()) == 1, "one pod is left")
    scaler = production("HorizontalPodAutoscaler")
    scaler["spec"] |= {"minReplicas": 1, "maxReplicas": 2}
    with under_load(BUSY) as found:
        apply([scaler])
        until(lambda: len(pods()) > 1, "the autoscaler has added a pod")
    said = kubectl("--namespace", SPACE, "get", "hpa", "--no-headers").split(maxsplit=1)[1]
    seen(f"{BUSY.rate}/s: {' '.join(said.split())}; {found}")
    assert found["answers"] == {"200": BUSY.requests}
