"""The edge's part for the assistant: its routes and its cluster, where it runs (``make up-3 WITH=assistant``).

An answer of a language model is a stream of seconds. So its route has no time limit for the whole, only one for
silence, which the assistant breaks with comments; nothing is sent again once the assistant has it; and its requests are
kept out of the concurrency limit, which would take their length for a sign of overload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shop.addresses import Addresses

__all__ = ["clusters", "routes", "statistics"]

_NAME = "assistant"
_PATHS = ("/v1/chat/completions", "/v1/models")
_SILENCE = "30s"
_FILTER_OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
_UPSTREAM_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_STREAMS = 256


def routes(addresses: Addresses) -> list[dict[str, Any]]:
    """The routes; none where the assistant does not run."""
    if addresses.extras != _NAME:
        return []
    return [
        {
            "match": {"path": path},
            "route": {
                "cluster": _NAME,
                "timeout": "0s",
                "idle_timeout": _SILENCE,
                "retry_policy": {"retry_on": "connect-failure", "num_retries": 1},
            },
            "typed_per_filter_config": {"adaptive_concurrency": _FILTER_OFF},
        }
        for path in _PATHS
    ]


def clusters(addresses: Addresses) -> list[dict[str, Any]]:
    """The cluster with the assistant's one process; none where it does not run."""
    if addresses.extras != _NAME:
        return []
    address = {"socket_address": {"address": "127.0.0.1", "port_value": addresses.assistant_port}}
    http = {
        "@type": _UPSTREAM_HTTP,
        "common_http_protocol_options": {"idle_timeout": "3s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    limits = {"max_connections": _STREAMS, "max_pending_requests": _STREAMS, "max_requests": _STREAMS}
    return [
        {
            "name": _NAME,
            "type": "STATIC",
            "connect_timeout": "0.25s",
            "load_assignment": {
                "cluster_name": _NAME,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            },
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http},
            "circuit_breakers": {"thresholds": [limits]},
        }
    ]


def statistics(addresses: Addresses) -> list[str]:
    """The counters to keep; none where the assistant does not run."""
    return (
        ["cluster.assistant.upstream_rq_", "cluster.assistant.upstream_cx_active"] if addresses.extras == _NAME else []
    )
