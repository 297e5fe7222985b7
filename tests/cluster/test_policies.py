"""Neighbouring pods on a real cluster: its network lets through what the manifests' tests say it does, and no more.

For each level, stand-in pods carry the labels and ports of everything that a NetworkPolicy names, and of strangers.
Each of them tries to connect to each port of each other. What got through is held against `passes`, by which all other
tests judge the policies: so this proves both the policies and their judge. TCP alone is tried: DNS is left out. The
namespaces are copies, named ``probe-…``.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.cluster.conftest import PROBE, apply, kubectl, namespaces, pod
from tests.manifests.traffic import Pod, passes
from tests.shop_chart import variant
from workbench.manifests import Document, build
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.cluster

LEVELS = {
    1: lambda: build(ROOT / "01-beginner-iris-api/deploy/overlays/production"),
    2: lambda: build(ROOT / "02-intermediate-seldon-pipeline/deploy/overlays/monitoring"),
    3: lambda: variant("cpu"),
}
NAMES = "kubernetes.io/metadata.name"
UNMENTIONED = 9999
DNS = 53
NAMED = {"http": 8100, "grpc": 8101, "valkey": 6379, "otlp-http": 4318, "metrics": 9090, "h2c": 8081, "http1": 8080}
"""What a stand-in calls these. Which numbers does not matter here, only that a policy's name opens them."""

SERVE = """\
import select, socket, sys
listeners = [socket.create_server(("0.0.0.0", int(port)), backlog=128) for port in sys.argv[1:]]
while True:
    for each in select.select(listeners, [], [])[0]:
        each.accept()[0].close()
"""
CALL = """\
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def reaches(target):
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True
with ThreadPoolExecutor(64) as pool:
    print(json.dumps(list(pool.map(reaches, sys.argv[1:]))))
"""


class Probe(NamedTuple):
    """A stand-in pod, under the name that it has in the cluster."""

    name: str
    pod: Pod

    @property
    def opens(self) -> list[int]:
        """The ports that it listens on."""
        return sorted({*self.pod.ports.values(), UNMENTIONED})


def probe_namespace(name: str) -> str:
    return f"{PROBE}{name}"


def moved(selector: dict[str, Any]) -> dict[str, Any]:
    """A namespaceSelector that means the copies."""
    labels = {
        key: probe_namespace(value) if key == NAMES else value for key, value in selector.get("matchLabels", {}).items()
    }
    expressions = [
        {**each, "values": [probe_namespace(value) for value in each["values"]]} if each["key"] == NAMES else each
        for each in selector.get("matchExpressions", [])
    ]
    return {
        **({"matchLabels": labels} if labels else {}),
        **({"matchExpressions": expressions} if expressions else {}),
    }


def copied(document: Document) -> Document:
    """The policy, in the copy of its namespace, about copies."""
    body: dict[str, Any] = json.loads(json.dumps(document.body))
    body["metadata"] = {"name": body["metadata"]["name"], "namespace": probe_namespace(body["metadata"]["namespace"])}
    for rule, side in sides(body):
        for peer in rule.get(side, []):
            if "namespaceSelector" in peer:
                peer["namespaceSelector"] = moved(peer["namespaceSelector"])
    return replace(document, body=body)


def sides(policy: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in policy["spec"].get(direction, []):
            yield rule, side


def labels_of(selector: dict[str, Any]) -> dict[str, str]:
    """Labels that a selector selects."""
    labels = dict(selector.get("matchLabels", {}))
    for each in selector.get("matchExpressions", []):
        if each["operator"] == "In":
            labels[each["key"]] = each["values"][0]
        elif each["operator"] == "Exists":
            labels[each["key"]] = "any"
    return labels


def ports_of(policies: list[dict[str, Any]]) -> dict[str, int]:
    """Every TCP port that any of the policies opens, by its name or number."""
    opened = [
        port["port"]
        for policy in policies
        for rule, _ in sides(policy)
        for port in rule.get("ports", [])
        if port.get("protocol", "TCP") == "TCP" and port["port"] != DNS
    ]
    return {
        str(each) if isinstance(each, str) else f"p-{each}": NAMED[each] if isinstance(each, str) else each
        for each in opened
    }


def probes_of(policies: list[dict[str, Any]]) -> list[Probe]:
    """A pod for everything that is selected or named as a peer, and strangers beside each."""
    ports = ports_of(policies)
    pods = [
        Pod(policy["metadata"]["namespace"], labels_of(policy["spec"]["podSelector"]), ports) for policy in policies
    ]
    strangers = [Pod(pod.namespace, {"app": "debug"}, ports) for pod in pods]
    impostors = [Pod(probe_namespace("web"), pod.labels, ports) for pod in pods]
    for policy in policies:
        home = policy["metadata"]["namespace"]
        for rule, side in sides(policy):
            for peer in rule.get(side, []):
                where = labels_of(peer.get("namespaceSelector", {NAMES: home})).get(NAMES, probe_namespace("web"))
                if "namespaceSelector" not in peer:
                    where = home
                pods.append(Pod(where, labels_of(peer.get("podSelector", {})), ports))
    seen: list[Pod] = []
    for each in [*pods, *strangers, *impostors]:
        if each not in seen:
            seen.append(each)
    return [Probe(f"probe-{number}", pod) for number, pod in enumerate(seen)]


def manifest(probe: Probe) -> dict[str, Any]:
    names = {number: name for name, number in probe.pod.ports.items()}
    command = ["python3", "-I", "-c", SERVE, *map(str, probe.opens)]
    body = pod(probe.name, probe.pod.namespace, probe.pod.labels, command)
    body["spec"]["containers"][0]["ports"] = [
        {"containerPort": number} | ({"name": names[number]} if not names.get(number, "p-").startswith("p-") else {})
        for number in probe.opens
    ]
    return body


class Neighbourhood(NamedTuple):
    """What stands in a cluster: the policies, the probes, and each probe's address."""

    policies: list[Document]
    probes: list[Probe]
    addresses: dict[str, str]


@pytest.fixture(params=LEVELS)
def neighbourhood(request: pytest.FixtureRequest) -> Iterator[Neighbourhood]:
    policies = [copied(document) for document in LEVELS[request.param]() if document.kind == "NetworkPolicy"]
    probes = probes_of([policy.body for policy in policies])
    spaces = sorted({probe.pod.namespace for probe in probes})
    with namespaces(*spaces):
        apply([*(policy.body for policy in policies), *map(manifest, probes)])
        for space in spaces:
            kubectl("--namespace", space, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=240s")
        yield Neighbourhood(policies, probes, {probe.name: address(probe) for probe in probes})


def address(probe: Probe) -> str:
    return kubectl("--namespace", probe.pod.namespace, "get", "pod", probe.name, "-o", "jsonpath={.status.podIP}")


def test_a_pod_gets_through_where_a_policy_says_so_and_nowhere_else(
    neighbourhood: Neighbourhood, seen: Callable[[str], None]
) -> None:
    bodies, probes, addresses = neighbourhood
    targets = [(probe, port) for probe in probes for port in probe.opens]
    asked = [f"{addresses[probe.name]}:{port}" for probe, port in targets]

    def reached(caller: Probe) -> list[bool]:
        command = ("exec", caller.name, "--", "python3", "-I", "-c", CALL, *asked)
        found: list[bool] = json.loads(kubectl("--namespace", caller.pod.namespace, *command))
        return found

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(reached, probes))
    wrong, let = [], 0
    for caller, through in zip(probes, answers, strict=True):
        for (callee, port), passed in zip(targets, through, strict=True):
            if caller is callee:
                continue  # a pod always reaches itself
            let += passed
            if passed != passes(bodies, caller.pod, callee.pod, port):
                wrong.append(f"{shown(caller)} → {shown(callee)}:{port} {'passed' if passed else 'was refused'}")
    tried = (len(probes) - 1) * len(targets)
    seen(f"{len(probes)} pods, {tried:,} connections tried, {let:,} let through, {len(wrong)} wrongly")
    assert wrong == []
    assert 0 < let < len(probes) * len(targets)


def shown(probe: Probe) -> str:
    return (
        f"{probe.pod.namespace}/{','.join(f'{key}={value}' for key, value in probe.pod.labels.items()) or 'no labels'}"
    )
