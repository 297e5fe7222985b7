"""The edge's part for the assistant: its routes and its clusters, where it runs (``make up-3 WITH=assistant``).

An answer of a language model takes seconds. So its route has no time limit for the whole, only one for silence: the
assistant breaks it with comments in a stream, and an answer in one piece is silent until it is complete. Nothing is
sent again once the assistant has it; and its requests are kept out of the concurrency limit, which would take their
length for a sign of overload.

Each of its versions is a process of its own, and so a cluster of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.addresses import Addresses

__all__ = ["cluster_of", "clusters", "routes", "statistics"]

_NAME = "assistant"
_FIRST = "1"
_MODELS = "/v1/models"
# The assistant itself gives up what comes too late or stalls; this is for an assistant that no longer does anything.
_SILENCE = "120s"
_FILTER_OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
_UPSTREAM_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_STREAMS = 256


def cluster_of(version: str) -> str:
    """The name of a version's cluster."""
    return _NAME if version == _FIRST else f"{_NAME}-{version}"


def routes(addresses: Addresses, chat: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The routes; none where the assistant does not run.

    Args:
        addresses: the level's.
        chat: the candidate's match and the stable version's, each with its version as a header.
    """
    if addresses.extras != _NAME:
        return []
    versions = [each["request_headers_to_add"][0]["header"]["value"] for each in chat]
    return [
        *(_route(each, version) for each, version in zip(chat, versions, strict=True)),
        _route({"match": {"path": _MODELS}}, _FIRST),
    ]


def _route(match: dict[str, Any], version: str) -> dict[str, Any]:
    return {
        **match,
        "route": {
            "cluster": cluster_of(version),
            "timeout": "0s",
            "idle_timeout": _SILENCE,
            "retry_policy": {"retry_on": "connect-failure", "num_retries": 1},
        },
        "typed_per_filter_config": {"adaptive_concurrency": _FILTER_OFF},
    }


def clusters(addresses: Addresses) -> list[dict[str, Any]]:
    """A cluster for each of the assistant's versions, whether it runs or not; none where there is no assistant."""
    if addresses.extras != _NAME:
        return []
    ports = {_FIRST: addresses.assistant_port, "2": addresses.assistant_2_port}
    return [_cluster(cluster_of(version), port) for version, port in ports.items()]


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    http = {
        "@type": _UPSTREAM_HTTP,
        "common_http_protocol_options": {"idle_timeout": "3s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    limits = {"max_connections": _STREAMS, "max_pending_requests": _STREAMS, "max_requests": _STREAMS}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http},
        "circuit_breakers": {"thresholds": [limits]},
    }


def statistics(addresses: Addresses) -> list[str]:
    """The counters to keep; none where the assistant does not run."""
    if addresses.extras != _NAME:
        return []
    kept = ("upstream_rq_", "upstream_cx_active")
    return [f"cluster.{cluster_of(version)}.{each}" for version in (_FIRST, "2") for each in kept]
