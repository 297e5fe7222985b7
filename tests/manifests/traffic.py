"""What NetworkPolicies let through, as a network plug-in that enforces them reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.manifests.pods import selects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.manifests import Document

__all__ = ["Pod", "passes"]

_ANYBODY: dict[str, Any] = {"namespaceSelector": {}}
_ANY_PORT = {"port": 1, "endPort": 65535, "protocol": "any"}
"""What a rule means that says neither."""


@dataclass(frozen=True)
class Pod:
    """One that calls or is called, with the numbers of its named ports."""

    namespace: str
    labels: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)


def passes(documents: Iterable[Document], caller: Pod, callee: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out of the one pod and into the other; a pod that no policy selects is open."""
    policies = [document.body for document in documents if document.kind == "NetworkPolicy"]

    def lets(pod: Pod, direction: str, side: str, other: Pod) -> bool:
        chosen = [policy for policy in policies if _is_about(policy, pod, direction)]
        return not chosen or any(
            any(_is(peer, other, policy["metadata"]["namespace"]) for peer in rule.get(side, [_ANYBODY]))
            and any(_opens(each, callee, port, protocol) for each in rule.get("ports", [_ANY_PORT]))
            for policy in chosen
            for rule in policy["spec"].get(direction.lower(), [])
        )

    return lets(caller, "Egress", "to", callee) and lets(callee, "Ingress", "from", caller)


def _is_about(policy: dict[str, Any], pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    home = policy["metadata"]["namespace"] == pod.namespace
    return home and selects(spec["podSelector"], pod.labels) and direction in spec["policyTypes"]


def _is(peer: dict[str, Any], pod: Pod, home: str) -> bool:
    """A peer without a namespaceSelector is of the policy's own namespace."""
    if "namespaceSelector" in peer:
        near = selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": pod.namespace})
    else:
        near = pod.namespace == home
    return near and selects(peer.get("podSelector", {}), pod.labels)


def _opens(entry: dict[str, Any], callee: Pod, port: int, protocol: str) -> bool:
    first = callee.ports.get(entry["port"], -1) if isinstance(entry["port"], str) else entry["port"]
    return entry.get("protocol", "TCP") in {protocol, "any"} and first <= port <= entry.get("endPort", first)
